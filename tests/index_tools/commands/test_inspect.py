from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines


def test_inspect(run: Run, planets: Path) -> None:
    out = planets.with_name("index")
    assert run("build", planets, out, "--layout", "lists", "--postings-per-list", 5).exit_code == 0
    report = orjson.loads(run("inspect", out, "--json").stdout)
    with seismic.open(out) as index:
        manifest = index.manifest
    facts = report["index"]
    assert (facts["collection"], facts["generation"]) == ("index", "000001")
    assert (facts["layout"], facts["shards"]) == ("lists", 1)
    assert (facts["documents"], facts["dimension"], facts["vocabulary"]) == (3, 5, 5)
    assert facts["components_per_document"] == 2.0
    assert facts["payload_columns"] == ["year", "text"]
    assert sum(entry["bytes"] for entry in report["files"].values()) == facts["bytes"] == manifest.bytes
    assert set(report["files"]["documents.arrow"]["columns"]) == {"id", "year", "text"}
    for entry in report["files"].values():
        assert 0 < sum(entry["columns"].values()) <= entry["bytes"]
    statistics = report["statistics"]
    assert statistics["postings_per_list"] == {"count": 5, "mean": 1.2, "p50": 1, "p95": 2, "max": 2}
    assert statistics["documents_per_block"]["count"] == manifest.shards[0].blocks
    assert report["build"] == manifest.build


def test_inspect_shared_blocks(run: Run, tmp_path: Path) -> None:
    vectors = [{"all": 1.0, f"word {number}": 1.0} for number in range(20)]  # three blocks, one of them not full
    lines = [{"id": number, "vector": vector} for number, vector in enumerate(vectors)]
    assert run("build", write_lines(tmp_path / "x.jsonl", *lines), tmp_path / "out").exit_code == 0
    statistics = orjson.loads(run("inspect", tmp_path / "out", "--json").stdout)["statistics"]
    assert statistics == {"shared_blocks_per_component": {"count": 21, "mean": 1.1, "p50": 1, "p95": 1, "max": 3}}


def test_inspect_is_short(run: Run, planets_index: Path) -> None:
    lines = [line.split() for line in run("inspect", planets_index).stdout.splitlines()]
    assert ["documents", "3"] in lines
    assert ["columns", "year:", "int64,", "text:", "string"] in lines
    assert len(lines) < 12


def test_inspect_for_people(run: Run, planets_index: Path) -> None:
    text = run("inspect", planets_index, "--all").stdout
    for line in (["documents", "3"], ["payload_columns", "year,", "text"], ["seed", "0"]):
        assert line in [shown.split() for shown in text.splitlines()]
    assert "shared_blocks_per_component" in text


@pytest.mark.parametrize("layout", ["shared", "small", "lists"])
def test_inspect_an_index_that_matches_nothing(run: Run, tmp_path: Path, layout: str) -> None:
    path = write_lines(tmp_path / "x.jsonl", {"id": 1, "vector": {}})
    assert run("build", path, tmp_path / "out", "--layout", layout).exit_code == 0
    report = orjson.loads(run("inspect", tmp_path / "out", "--json").stdout)
    assert report["statistics"]["shared_blocks_per_component"] == {"count": 0}
    assert report["index"]["bytes_per_component"] is None


def test_what_a_small_index_lost(run: Run, tmp_path: Path) -> None:
    """Neither document is found by "light" any more."""
    lines = [{"id": number, "vector": {"heavy": 1.0, "light": 0.05 * number}} for number in (1, 2)]
    path, queries = write_lines(tmp_path / "x.jsonl", *lines), tmp_path / "queries.jsonl"
    write_lines(queries, {"id": 1, "vector": {"light": 1.0}}, {"id": 2, "vector": {"heavy": 1.0}})
    result = run("build", path, tmp_path / "out", "--layout", "small", "--queries", queries)
    assert "recall 0.500 (0.000 to 1.000) of the exact top 10, measured with 2 given queries" in result.stdout
    report = orjson.loads(run("inspect", tmp_path / "out", "--json").stdout)
    (kept,) = report["kept_of_exact_answers"]
    assert (kept["k"], kept["recall"], kept["queries"]) == (10, 0.5, 2)
    files = report["files"]
    assert set(files["shared.arrow"]["columns"]).isdisjoint({"residuals", "own_residuals"})
    size = files["shared.arrow"]["bytes"] + files["maxima.arrow"]["bytes"]
    assert report["index"]["bytes_per_component"] == round(size / 2, 2)
    assert "top 10  0.500 (0.000 to " in run("inspect", tmp_path / "out", "--all").stdout
    assert "kept of the top 10  0.500 (0.000 to " in run("inspect", tmp_path / "out").stdout
    refused = run("build", path, tmp_path / "other", "--queries", queries)
    assert refused.exit_code == 2
    assert "'shared' keeps everything: leave them out" in refused.stderr
