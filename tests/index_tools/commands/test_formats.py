"""Commands take every format, for documents and for queries."""

from pathlib import Path

import orjson
import pytest

import seismic
from seismic_tools.measure.bench.collection import Choice, prepare
from tests.index_tools.conftest import Run
from tests.index_tools.formats import FORMATS


def test_build_and_evaluate(run: Run, some_file: Path, tmp_path: Path) -> None:
    """Search with documents as queries: for most, but not all, the best hit is the document itself."""
    collection = tmp_path / "collection"
    assert run("build", some_file, collection).exit_code == 0
    with seismic.open(collection) as index:
        assert len(index) == 12
        assert index.manifest.nnz == 30
    result = run(
        "evaluate", collection, "--queries", some_file, "-k", 3, "--plan", "exact", "--output", tmp_path / "report"
    )
    assert result.exit_code == 0, result.output
    assert orjson.loads((tmp_path / "report" / "report.json").read_bytes())["queries"] == 12
    result = run("upsert", collection, some_file)
    assert result.exit_code == 0, result.output
    assert "documents 12" in result.stdout
    with seismic.open(collection) as index:
        assert len(index) == 12


@pytest.mark.parametrize("name", ["x.csr.gz", "x.jsonl", "x.ciff"])
def test_collections_to_measure_on(tmp_path: Path, name: str) -> None:
    source, work = tmp_path / "source", tmp_path / "work"
    for folder in (source, work):
        folder.mkdir()
    for kind in ("documents", "queries"):
        FORMATS[name](source / f"{kind}{name.removeprefix('x')}")
    prepared = prepare(source, Choice(None, None, 0, [3]), work, tmp_path / "exact", lambda *_: None)
    assert prepared.shape.documents == 12
    assert prepared.shape.nnz == 30
    assert sum(prepared.queries.values()) == 10  # those with components
