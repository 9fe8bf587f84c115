import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

import seismic
from index_tools.bench.collection import Choice, Collection, order_documents, prepare
from index_tools.bench.engines import NAMES, load_engine
from index_tools.bench.engines.base import Setting, Shape, Vectors
from index_tools.bench.engines.worker import Worker, answers
from index_tools.bench.environments import InstallError, cache_folder, python_of
from index_tools.bench.fronts import Point, around, pareto_front, seconds_at
from index_tools.bench.processes import Process, WorkerError
from index_tools.bench.report import to_markdown
from index_tools.bench.results import Build, EngineInfo, Measured, Options, Results, Swept, Timing, Trial
from index_tools.bench.schedule import interleave, turns
from index_tools.bench.stages import Bench, choose
from index_tools.bench.truth import exact_answers, given_answers
from seismic import InputError, SparseVectors
from tests.conftest import DATA
from tests.index_tools.conftest import Run, write_lines

RIVALS = [name for name in NAMES if name != "ours"]
SHAPE = Shape(documents=319_203, dimension=30_522, nnz=27_000_000, longest=438)


def ignore(stage: str, done: int, total: int) -> None:
    """Shows no progress."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 300 documents and 41 queries of SciFact; their exact answers are not those of the whole."""
    folder = tmp_path_factory.mktemp("source") / "few"
    folder.mkdir()
    for name, rows in (("documents", 300), ("queries", 41)):
        pq.write_table(pq.read_table(DATA / f"{name}.parquet").slice(0, rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def few(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """What workers find of it, for 5 hits."""
    folder = tmp_path_factory.mktemp("few")
    return prepare(source, Choice(None, None, 0, [5]), folder, folder / "exact", ignore)


def test_a_front_has_what_nothing_beats() -> None:
    points = [Point(0.9, 2.0), Point(0.8, 1.0), Point(0.8, 0.9), Point(0.85, 2.5), Point(0.95, 4.0), Point(0.95, 3.0)]
    assert pareto_front(points, lambda point: point) == [Point(0.8, 0.9), Point(0.9, 2.0), Point(0.95, 3.0)]
    assert pareto_front([], lambda point: point) == []


def test_seconds_between_points_of_a_front() -> None:
    front = [Point(0.8, 1.0), Point(0.9, 4.0), Point(1.0, 5.0)]
    assert seconds_at(front, 0.85) == pytest.approx(2.0)  # the geometric mean
    assert seconds_at(front, 0.825) == pytest.approx(2**0.5)
    assert seconds_at(front, 0.9) == 4.0
    assert seconds_at(front, 0.5) == 1.0  # no setting is faster, and this one finds more
    assert seconds_at(front, 1.0) == 5.0
    assert seconds_at(front[:2], 0.95) is None
    assert seconds_at([], 0.5) is None


def test_what_lies_around_targets() -> None:
    front = [Point(recall / 100, recall) for recall in range(50, 100, 5)]
    kept = around(front, lambda point: point, (0.70, 0.82))
    assert [round(point.recall * 100) for point in kept] == [50, 65, 70, 75, 80, 85, 90, 95]
    assert around(front[:1], lambda point: point, (0.9,)) == front[:1]
    assert around([], lambda point: point, (0.9,)) == []


def test_turns() -> None:
    assert turns([["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert turns([]) == []


def test_passes_are_interleaved_and_slow_members_not_repeated() -> None:
    ran = []

    def run(member: str) -> float:
        ran.append(member)
        return {"a": 1.0, "b": 3.0, "slow": 9.0}[member]

    interleave([["a", "slow"], ["b"]], repeats=4, budget=6.0, run=run)
    assert ran == ["a", "b", "slow", "a", "b", "a", "a"]


def test_timing_is_the_median_of_passes() -> None:
    single = Timing.of([[1.0, 3.0], [9.0, 11.0], [2.0, 4.0]], [1.5, 1.0, 2.5])
    assert (single.cpu, single.cpu_passes) == (1.5, [1.5, 1.0, 2.5])
    assert (single.wall, single.wall_passes) == (3.0, [2.0, 10.0, 3.0])
    assert single.percentiles is not None
    assert single.percentiles["p50"] == 3.5
    assert Timing.of([[2.0], [1.0]], [1.0, 1.0]).percentiles is None


def test_choice_per_engine_and_depth() -> None:
    def swept(engine: str, k: int, found: float, seconds: float, exact: bool = False) -> Swept:
        return Swept(Trial(engine, 0, k, {}, exact), found, seconds)

    front = [swept("a", 10, 0.5 + step / 10, 1.0 + step) for step in range(5)]
    beaten = swept("a", 10, 0.55, 9.0)
    exact = [swept("a", 10, 0.9, 12.0, exact=True), swept("a", 10, 0.9, 11.0, exact=True)]
    others = [swept("b", 10, 0.1, 100.0), swept("a", 100, 0.1, 100.0)]
    chosen = choose([*front, beaten, *exact, *others])
    assert set(chosen) == {one.trial for one in [front[0], front[3], front[4], exact[1], *others]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quick", [False, True])
def test_knobs(name: str, quick: bool) -> None:
    engine = load_engine(name)
    assert engine.name == name
    builds = engine.builds(SHAPE, quick)
    assert (len(builds) == 1) == quick
    settings = [setting for build in builds for setting in engine.settings(build, 10, quick)]
    assert len(settings) > 3
    assert json.loads(json.dumps([builds, settings])) == json.loads(orjson.dumps([builds, [list(s) for s in settings]]))
    distinct = {(number, json.dumps(s.knobs)) for number, b in enumerate(builds) for s in engine.settings(b, 10, quick)}
    assert len(distinct) == len(settings)


def test_halves_and_their_exact_answers(source: Path, few: Collection) -> None:
    assert (few.shape.documents, few.queries) == (300, {"tune": 21, "report": 20})
    halves = [few.folder / half for half in ("tune", "report")]
    queries = [tuple(values.tolist()) for half in halves for _, values in Vectors.load(half).rows()]
    assert len(set(queries)) == 41
    documents = _dense(Vectors.load(few.folder / "documents"), few.shape.dimension)
    for half in ("tune", "report"):
        scores = _dense(Vectors.load(few.folder / half), few.shape.dimension) @ documents.T
        np.testing.assert_array_equal(few.truth[half, 5], np.argsort(-scores, axis=1, kind="stable")[:, :5])


def _dense(vectors: Vectors, dimension: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    dense = np.zeros((len(vectors.indptr) - 1, dimension))
    dense[np.repeat(np.arange(len(dense)), np.diff(vectors.indptr)), vectors.components] = vectors.values
    return dense


def test_given_answers_are_used(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    shutil.copytree(source, folder)
    ids = pq.read_table(folder / "queries.parquet")["id"].to_pylist()
    rows = np.arange(41 * 7, dtype=np.int32).reshape(41, 7) % 300
    np.savez(folder / "groundtruth.npz", query_ids=np.array(ids, "S"), rows=rows)
    (tmp_path / "work").mkdir()
    prepared = prepare(folder, Choice(None, 30, 0, [5, 7]), tmp_path / "work", tmp_path / "exact", ignore)
    assert prepared.queries == {"tune": 15, "report": 15}
    both = np.concatenate([prepared.truth["tune", 5], prepared.truth["report", 5]])
    assert set(both[:, 0].tolist()) < set(rows[:, 0].tolist())
    assert not (tmp_path / "exact").exists()


def test_given_answers_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "groundtruth.npz"
    assert given_answers(tmp_path, ["a", "b"]) is None
    np.savez(path, query_ids=np.array(["b", "a"]), rows=np.zeros((2, 1)))
    with pytest.raises(InputError, match="its query_ids are not those of the queries, in their order"):
        given_answers(tmp_path, ["a", "b"])
    np.savez(path, rows=np.zeros((2, 1)))
    with pytest.raises(InputError, match="found rows, expected the arrays rows and query_ids"):
        given_answers(tmp_path, ["a", "b"])


def test_answers_of_bigann(tmp_path: Path) -> None:
    numbers, scores = np.array([[3, 1], [2, -1]], "<i4"), np.zeros((2, 2), "<f4")
    header = np.array(numbers.shape, "<u4")
    (tmp_path / "groundtruth.gt").write_bytes(header.tobytes() + numbers.tobytes() + scores.tobytes())
    found = given_answers(tmp_path, ["a", "b"])
    assert found is not None
    np.testing.assert_array_equal(found, numbers)
    with pytest.raises(InputError, match=r"groundtruth\.gt: answers 2 queries, expected 1"):
        given_answers(tmp_path, ["a"])


def test_computed_answers_are_kept(tmp_path: Path) -> None:
    documents = SparseVectors.from_dicts([{0: 1.0}, {0: 2.0}, {1: 1.0}])
    queries = SparseVectors.from_dicts([{0: 1.0}], dimension=2)
    assert exact_answers(documents, queries, 3, tmp_path / "exact", ignore).tolist() == [[1, 0, -1]]
    (kept,) = (tmp_path / "exact").iterdir()
    np.save(kept, np.array([[7, 7, 7]]))
    assert exact_answers(documents, queries, 3, tmp_path / "exact", ignore).tolist() == [[7, 7, 7]]
    assert exact_answers(documents, queries, 2, tmp_path / "exact", ignore).tolist() == [[1, 0]]


def test_worker(few: Collection, tmp_path: Path) -> None:
    commands: list[dict[str, Any]] = [
        {"do": "versions"},
        {"do": "build", "vectors": "documents", "folder": str(tmp_path), "knobs": {"layout": "shared"}, "threads": 1},
        {"do": "open", "folder": str(tmp_path), "knobs": {"layout": "shared"}},
        *(
            {"do": "search", "queries": "tune", "count": 21, "k": 5, "knobs": {"plan": "exact"}, "call": call}
            for call in ("batch", "one")
        ),
        {"do": "search", "queries": "tune", "count": 21, "k": 5, "knobs": {"plan": "guess"}, "call": "one"},
    ]
    lines = answers(Worker(load_engine("ours"), few.folder), map(json.dumps, commands))
    versions, build, opened, batch, one, failed = map(json.loads, lines)
    assert versions["answer"] == {"seismic-search": seismic.__version__, "numpy": np.__version__}
    assert build["answer"]["seconds"] > 0
    assert build["answer"]["bytes"] > 10_000
    assert opened == {"answer": None}
    for reply, times in ((batch, 1), (one, 21)):
        assert len(reply["answer"]["seconds"]) == times
        assert min(reply["answer"]["seconds"]) > 0
        assert reply["answer"]["cpu"] > 0
        np.testing.assert_array_equal(reply["answer"]["numbers"], few.truth["tune", 5])
    assert failed["error"].startswith("ParameterError: parameter 'plan'")


def test_processes_that_fail(few: Collection) -> None:
    engine = load_engine("ours")
    with Process(engine, sys.executable, few.folder, 1) as process:
        with pytest.raises(WorkerError, match="open: IndexNotFoundError: "):
            process.call("open", folder="nowhere", knobs={})
        assert process.call("versions")["seismic-search"] == seismic.__version__  # goes on
    with Process(engine, "false", few.folder, 1) as process, pytest.raises(WorkerError, match="ended with code 1"):
        process.call("versions")
    (few.folder / "empty").mkdir()
    with Process(engine, sys.executable, few.folder / "empty", 1) as process:
        with pytest.raises(
            WorkerError, match=r"versions: the process ended with code 1: FileNotFoundError: .*shape.json"
        ):
            process.call("versions")
        with pytest.raises(WorkerError, match="versions: the process ended with code 1"):
            process.call("versions")


def test_environments(tmp_path: Path) -> None:
    assert python_of(load_engine("ours"), tmp_path) == sys.executable
    version = ".".join(map(str, sys.version_info[:2]))
    ready = tmp_path / f"bmp-0.2.8-python{version}"
    ready.mkdir()
    (ready / ".installed").touch()
    assert python_of(load_engine("bmp"), tmp_path) == str(ready / "bin" / "python")
    (tmp_path / "file").touch()
    with pytest.raises(InstallError, match="file"):
        python_of(load_engine("bmp"), tmp_path / "file")
    assert cache_folder().parts[-2:] == ("seismic", "bench")


def test_order_of_documents(few: Collection, tmp_path: Path) -> None:
    folder = shutil.copytree(few.folder, tmp_path / "few")
    ordering = order_documents(folder, few.shape, 1)
    assert sorted(ordering.numbers.tolist()) == list(range(300))
    assert ordering.numbers.tolist() != list(range(300))
    plain, ordered = (Vectors.load(folder / name).rows() for name in ("documents", "ordered"))
    for position, number in enumerate(ordering.numbers):
        np.testing.assert_array_equal(ordered[position][0], plain[number][0])
        np.testing.assert_array_equal(ordered[position][1], plain[number][1])


def test_what_fails_is_noted_and_left_out(few: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(few, ["ours"], tmp_path, quick=True, report=ignore)
    bench.install(tmp_path)
    bench.build(threads=1)
    knobs = {"plan": "exact"}, {"plan": "exact", "heap_factor": 1.1}, {"plan": "guess"}
    monkeypatch.setattr(bench.engines["ours"], "settings", lambda *_: [Setting(one) for one in knobs])
    assert [one.trial.knobs for one in bench.sweep()] == list(knobs[:2])
    (problem,) = bench.infos["ours"].problems
    assert problem.startswith("search: ParameterError: parameter 'plan'")
    measured = bench.measure([Trial("ours", 0, 5, one, exact=False) for one in knobs], repeats=2)
    assert [one.trial.knobs for one in measured] == list(knobs[:2])
    assert bench.infos["ours"].problems == [problem]


def test_report() -> None:
    def measured(engine: str, recall: float, exact: bool, **cpu: float) -> Measured:
        timings = {call: Timing(time / 1e6, 2 * time / 1e6, [], [], None) for call, time in cpu.items()}
        return Measured(Trial(engine, 0, 10, {}, exact), 100, recall, timings)

    results = Results(
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
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in to_markdown(results).splitlines()]
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
        assert line in to_markdown(results)


def test_bench(source: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # where no environment can be
    options = "--engines", "ours,bmp", "--environments", tmp_path / "file", "-k", 5, "-k", 20, "--repeats", 2, "--quick"
    result = run("bench", source, "--output", tmp_path / "results", *options)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "results"
    assert sorted(path.name for path in folder.iterdir()) == [
        "exact",
        "recall-at-20.png",
        "recall-at-5.png",
        "results.json",
        "results.md",
    ]
    assert (folder / "results.md").read_text() == result.stdout
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "ours,lucene"], "--engines: found 'lucene', expected some of ours, pyseismic-lsr"),
        (["-k", 0], "-k 0: expected at least 1"),
        (["-k", 301], "-k 301: expected at most 300, the documents of "),
        (["-k", 5, "--queries", "nowhere.parquet"], "nowhere.parquet: no such file or folder"),
    ],
)
def test_options_that_are_wrong(source: Path, run: Run, tmp_path: Path, options: list[str | int], message: str) -> None:
    result = run("bench", source, "--output", tmp_path, "--engines", "ours", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_no_engine_left_and_no_plots(source: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (tmp_path / "file").touch()
    options = "--engines", "bmp", "--environments", tmp_path / "file", "-k", 5
    result = run("bench", source, "--output", tmp_path / "results", *options)
    assert result.exit_code == 1
    assert "- bmp failed: " in result.stdout
    assert "no plots: they need matplotlib" in result.stderr
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


@pytest.mark.skipif("SEISMIC_TEST_RIVALS" not in os.environ, reason="installs other engines from PyPI, on request only")
@pytest.mark.parametrize("name", RIVALS)
def test_rivals(name: str, few: Collection, tmp_path: Path) -> None:
    bench = Bench(few, [name], tmp_path, quick=False, report=ignore)
    bench.install(cache_folder())
    bench.build(threads=1)
    swept = bench.sweep()
    measured = bench.measure(choose(swept), repeats=2)
    assert bench.infos[name].problems == []
    assert max(one.recall for one in swept) > 0.9
    assert max(one.recall for one in measured) > 0.9
    assert {call for one in measured for call in one.timings} == set(load_engine(name).calls)
