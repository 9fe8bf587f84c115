"""The benchmark of filters, in process and over REST."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

from seismic_tools.measure.bench.filters import SHARES, main
from tests.conftest import DATA

from .conftest import Server


def run(collection: Path, output: Path, *options: str) -> list[dict[str, Any]]:
    app = Typer()
    app.command()(main)
    columns = ["--words", "title", "--numbers", "n_chars", "--limit", "3", "--passes", "1", "--output", str(output)]
    arguments = [str(collection), "--queries", str(DATA / "queries.parquet"), *columns, *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(output.read_text())
    return rows


@pytest.mark.parametrize("served", [False, True], ids=["engine", "service"])
def test_filters_of_every_selectivity_are_measured(
    server: Server, scifact_index: Path, tmp_path: Path, served: bool
) -> None:
    rows = run(scifact_index, tmp_path / "rows.json", *(["--url", server.url] if served else []))
    assert [(row["kind"], row["wanted"]) for row in rows] == [
        (kind, share) for share in SHARES for kind in ("keyword", "window", "nested")
    ]
    for row in rows:
        assert row["recall"] == row["recall_97"] == 1.0
        assert row["share"] == pytest.approx(row["wanted"], rel=1, abs=0.001)
        assert (row["scan"] is None) == served
        assert (row["new"] is None) == (row["kind"] == "keyword")
        best = min(row["unfiltered"], row["scan"] or row["unfiltered"])
        assert row["ratio"] == pytest.approx(max(row["cached"], row["new"] or 0) / best)
