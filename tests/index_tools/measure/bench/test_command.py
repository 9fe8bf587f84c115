"""`seismic bench`, and what it writes."""

import json
import re
from pathlib import Path

import numpy as np
import orjson
import pytest

from seismic_tools.measure.bench.engines.base import Shape
from seismic_tools.measure.bench.report import report
from seismic_tools.measure.bench.results import Build, EngineInfo, Measured, Options, Results, Timing, Trial
from tests.index_tools.conftest import Run, names, write_lines

SHAPE = Shape(documents=319_203, dimension=30_522, nnz=27_000_000, longest=438)


def made_up() -> Results:
    """Return results of two engines at k = 10; the first one has two calls."""

    def measured(engine: str, recall: float, exact: bool, **cpu: float) -> Measured:
        timings = {call: Timing(time / 1e6, 2 * time / 1e6, [], [], None) for call, time in cpu.items()}
        return Measured(Trial(engine, 0, 10, {}, exact), 100, recall, timings)

    return Results(
        collection="made up",
        shape=SHAPE,
        queries={"tune": 100, "report": 100},
        options=Options(["ours", "rival"], [10], None, None, False, 3, 0, 1),
        machine={"cpu": "Abacus", "cpus": 2, "load": 0.25, "python": "3.11"},
        engines=[
            EngineInfo("ours", None, {"batch": "many", "one": "single"}),
            EngineInfo("rival", "rival==1", {"one": "ask"}, {"rival": "1"}, ["it broke"]),
        ],
        builds=[Build("rival", 0, {"n": 3}, 12.3, 5_000_000)],
        measured=[
            measured("ours", 0.94, False, batch=100, one=200),
            measured("ours", 1.0, True, batch=400, one=500),
            measured("rival", 0.94, False, one=300),
            measured("rival", 0.96, False, one=1200),
            measured("rival", 0.955, True, one=1100),
            measured("rival", 0.95, False, one=5000),
        ],
        swept=[],
    )


def test_tables_compare_times_at_equal_recall() -> None:
    text = report(made_up()).text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    cheapest = rows.index(["recall@10", "ours", "rival"])
    assert rows[cheapest + 2 : cheapest + 8] == [
        ["0.90", "100", "300 (3.0x)"],
        ["0.95", "126", "713 (5.7x)"],
        ["0.97", "200", "-"],
        ["0.99", "317", "-"],
        ["exact", "400", "1,100 (2.8x), recall 0.955"],
        ["call", "many", "ask"],
    ]
    single = rows.index(["recall@10", "ours", "rival"], cheapest + 1)
    assert rows[single + 2] == ["0.90", "200", "300 (1.5x)"]
    assert rows[single + 7] == ["call", "single", "ask"]
    assert ["rival", "12.3", "5.0 MB", "yes", "n 3"] in rows
    for line in ("- rival failed: it broke", ": ours 0.50, rival 0.50.", "Python 3.11, rival 1."):
        assert line in text


def test_bench(source: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # where no environment can be
    options = "--engines", "ours,bmp", "--environments", tmp_path / "file", "-k", 5, "-k", 20, "--repeats", 2, "--quick"
    result = run("bench", source, "--output", tmp_path / "results", *options)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "results"
    curves = {"recall-at-5.png", "recall-at-20.png"}  # left out where one setting is the fastest at every recall
    assert {path.name for path in folder.iterdir()} - curves == {"exact", "results.json", "results.md"}
    assert (folder / "results.md").read_text().startswith(result.stdout)
    for part in ("## k = 5", "## k = 20", "| recall@20 ", "search_batch", "Index.search", "- bmp failed: "):
        assert part in result.stdout

    results = orjson.loads((folder / "results.json").read_bytes())
    assert results["shape"]["documents"] == 300
    assert results["queries"] == {"tune": 21, "report": 20}
    assert [(build["engine"], build["knobs"]) for build in results["builds"]] == [("ours", {"layout": "shared"})]
    assert results["builds"][0]["bytes"] > 10_000
    assert [engine["name"] for engine in results["engines"]] == ["ours", "bmp"]
    assert len(results["engines"][1]["problems"]) == 1
    assert {one["trial"]["k"] for one in results["measured"]} == {5, 20}
    for one in results["measured"]:
        assert one["queries"] == 20
        assert one["recall"] == 1.0 if one["trial"]["exact"] else one["recall"] > 0.1
        for call in ("batch", "one"):
            timing = one["timings"][call]
            for clock in ("cpu", "wall"):
                assert timing[clock] == pytest.approx(np.median(timing[f"{clock}_passes"]))
                assert len(timing[f"{clock}_passes"]) == 2
        assert one["timings"]["one"]["percentiles"]["p50"] <= one["timings"]["one"]["percentiles"]["p99"]
    measured = {(one["trial"]["k"], str(one["trial"]["knobs"])) for one in results["measured"]}
    assert measured <= {(one["trial"]["k"], str(one["trial"]["knobs"])) for one in results["swept"]}


def test_growing_synthetic_collections(source: Path, run: Run, tmp_path: Path) -> None:
    output = tmp_path / "results"
    options = "--output", output, "--scale", "400,200", "--engines", "ours", "-k", 5, "--repeats", 1, "--quick"
    result = run("bench", source, *options)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in output.iterdir()) == ["200", "400", "scale.json", "scale.md"]
    steps = orjson.loads((output / "scale.json").read_bytes())["steps"]
    assert [step["shape"]["documents"] for step in steps] == [200, 400]
    for size in ("200", "400"):
        assert "search_batch" in (output / size / "results.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in result.stdout.splitlines()]
    exact = [cells for cells in lines if cells[1:2] == ["exact"]]
    assert [cells[0] for cells in exact] == ["200", "400"]
    assert all(re.fullmatch(r"[\d,]+ / [\d,]+", cells[2]) for cells in exact)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scale", "10,many"], "--scale: found '10,many', expected numbers such as 1000000,2000000"),
        (["--scale", "0"], "--scale: found 0, expected at least 1"),
        (["--scale", ""], "--scale: found '', expected numbers such as 1000000,2000000"),
        (["--scale", "200,9", "-k", 10], "-k 10: expected at most 9, the smallest size of --scale"),
        (["--scale", "200", "-k", 5, "--queries", "nothing.parquet"], "nothing.parquet: no such file or folder"),
        (["--engines", ""], "--engines: found '', expected some of ours"),
        (["--engines", "ours,lucene"], "--engines: found 'lucene', expected some of ours, pyseismic-lsr"),
        (["-k", 0], "-k 0: expected at least 1"),
        (["-k", 301], "-k 301: expected at most 300, the number of documents in "),
        (["-k", 5, "--queries", "nowhere.parquet"], "nowhere.parquet: no such file or folder"),
    ],
)
def test_options_that_are_wrong(source: Path, run: Run, tmp_path: Path, options: list[str | int], message: str) -> None:
    result = run("bench", source, "--output", tmp_path, "--engines", "ours", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_no_engine_left(source: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = "--engines", "bmp", "--environments", tmp_path / "file", "-k", 5
    result = run("bench", source, "--output", tmp_path / "results", *options)
    assert result.exit_code == 1
    assert "- bmp failed: " in result.stdout
    assert json.loads((tmp_path / "results" / "results.json").read_text())["measured"] == []


def test_queries_that_match_nothing(source: Path, run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "queries.jsonl", {"id": 1, "indices": [1_000_000], "values": [1.0]})
    result = run("bench", source, "--output", tmp_path, "--engines", "ours", "-k", 5, "--queries", path)
    assert result.exit_code == 2
    assert "found 0 queries with components of the documents, expected at least 2" in result.stderr


def test_results_that_cannot_be_written(source: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("bench", source, "--output", tmp_path / "file" / "results")
    assert result.exit_code == 2
    assert "error: cannot write to " in result.stderr


def test_a_finished_folder_is_redrawn_without_measuring(run: Run, tmp_path: Path) -> None:
    report(made_up()).write(tmp_path, "results.json", "other.md")
    written = names(tmp_path)
    assert written == ["other.md", "recall-at-10.png", "results.json", "rivals.png", "rivals.svg"]
    for name in written:
        if name != "results.json":
            (tmp_path / name).unlink()
    result = run("bench", "--output", tmp_path, "--redraw")
    assert result.exit_code == 0, result.output
    assert result.stdout == report(made_up()).text
    assert names(tmp_path) == ["recall-at-10.png", "results.json", "results.md", "rivals.png", "rivals.svg"]
    picture = (tmp_path / "rivals.svg").read_text()
    assert picture.startswith("<?xml")
    (tmp_path / "results.json").write_text('{"collection": "x"}')
    result = run("bench", "--output", tmp_path, "--redraw")
    assert result.exit_code == 2
    assert "results.json: expected the results of `seismic bench` (shape: Field required)" in result.stderr
    result = run("bench", "--output", tmp_path)
    assert result.exit_code == 2
    assert "COLLECTION is missing: expected a folder with documents and queries, or --redraw" in result.stderr
