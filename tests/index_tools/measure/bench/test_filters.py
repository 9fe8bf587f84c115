import json
from pathlib import Path

import pytest

from seismic import InputError
from seismic_tools.measure.bench.filters import SHARES, main
from tests.conftest import DATA


def test_what_is_found_under_filters_of_every_share(
    scifact_index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"limit": 3, "k": 10, "passes": 1}
    output = tmp_path / "filters.json"
    main(scifact_index, DATA / "queries.parquet", "title", "n_chars", **options, output=output)
    rows = json.loads(output.read_text())
    assert [(row["kind"], row["wanted"]) for row in rows] == [
        (kind, share) for share in SHARES for kind in ("keyword", "window", "nested")
    ]
    assert all(row["recall"] == row["recall_97"] == 1 for row in rows)
    assert all((row["new"] is None) == (row["kind"] == "keyword") for row in rows)
    assert [row["share"] for row in rows if row["kind"] == "window"] == pytest.approx(SHARES, rel=0.6, abs=1e-3)
    assert len(capsys.readouterr().out.splitlines()) > len(rows)
    with pytest.raises(InputError, match="found no column 'nothing', expected one of"):
        main(scifact_index, DATA / "queries.parquet", "title", "nothing", **options)
