import re
from pathlib import Path

import ir_measures
import numpy as np
import orjson
import pytest

import seismic
from seismic import InputError, ParameterError, SearchParams
from seismic_tools.measure.evaluate.trial import Trial
from seismic_tools.measure.results import to_json
from seismic_tools.readers.queries import read_queries
from tests.conftest import DATA, Scifact
from tests.index_tools.conftest import Run, write_lines
from tests.index_tools.measure.bench.test_command import made_up

QUERIES = DATA / "queries.parquet"


def test_blocks_beside_exact(scifact_lists: Path, run: Run, tmp_path: Path) -> None:
    judged = "--qrels", DATA / "qrels.tsv", "--where", "split=test"
    knobs = "--plan", "lists", "--query-cut", 8, "--heap-factor", 0.9, "--threads", 2, "-k", 10, "-k", 20
    result = run("evaluate", scifact_lists, "--queries", QUERIES, *judged, *knobs, "--output", tmp_path / "results")
    assert result.exit_code == 0, result.output
    assert "| recall@10 against exact" in result.stdout
    assert "| lists, query_cut 8, heap_factor 0.9 |" in result.stdout
    written = (tmp_path / "results" / "report.md").read_text()
    assert written.startswith(result.stdout)
    pictures = re.findall(r"\((.*\.png)\)", written)
    curves = {"recall-at-10.png", "recall-at-20.png"}  # left out where one setting is the fastest at every recall
    assert set(pictures) - curves == {"blocks.png", "latency.png", "sizes.png"}
    assert all((tmp_path / "results" / picture).stat().st_size > 5_000 for picture in pictures)

    report = orjson.loads((tmp_path / "results" / "report.json").read_bytes())
    assert (report["documents"], report["queries"], report["judged"], report["missing"]) == (5183, 300, 300, 0)
    assert sum(report["sizes"].values()) == sum(
        file.stat().st_size for file in scifact_lists.glob("generations/*/**/*.arrow")
    )
    exact, blocks = report["settings"]
    assert [depth["recall"] for depth in exact["depths"]] == [1.0, 1.0]
    expected = {"nDCG@10": 0.6436, "RR@10": 0.6159, "R@10": 0.7619, "R@100": 0.8930, "R@1000": 0.9733}
    assert exact["effectiveness"] == pytest.approx(expected, abs=1e-4)
    assert blocks["params"] == {"plan": "lists", "query_cut": 8, "heap_factor": 0.9}
    assert 0.5 < blocks["effectiveness"]["nDCG@10"] < 0.7
    for setting in (exact, blocks):
        assert setting["queries_per_second"]["2"] > 0
        for depth in setting["depths"]:
            assert depth["profile"] is None
            assert 0.5 < depth["recall"] <= 1.0
            assert 0 < depth["documents_scored"] <= 5183
            assert 0 < depth["latency"]["p50"] <= depth["latency"]["p95"] <= depth["latency"]["p99"]
    assert {(point["k"], point["params"]["plan"]) for point in report["curve"]} == {
        (k, plan) for k in (10, 20) for plan in ("exact", "lists")
    }
    assert all(point["recall"] > 0 and point["microseconds"] > 0 for point in report["curve"])
    assert len(report["samples"]) == 300

    hits = list(ir_measures.read_trec_run(str(tmp_path / "results" / "chosen.trec")))
    assert len({hit.query_id for hit in hits}) == 300
    with seismic.open(scifact_lists) as index:
        queries = read_queries(QUERIES, where=["split=test"])
        params = SearchParams(plan="lists", query_cut=8, heap_factor=0.9)
        first = index.search(queries.vectors.slice(0, 1), 20, params=params)
    assert [(hit.query_id, hit.doc_id) for hit in hits[: len(first)]] == [(queries.ids[0], hit.id) for hit in first]
    assert [hit.score for hit in hits[: len(first)]] == pytest.approx([hit.score for hit in first], abs=1e-6)
    assert (tmp_path / "results" / "exact.trec").exists()


@pytest.mark.parametrize("plan", ["auto", "exact"])
def test_exact_alone(scifact_index: Path, run: Run, tmp_path: Path, plan: str) -> None:
    options = "--plan", plan, "--k", 3, "--where", "id=1"
    result = run("evaluate", scifact_index, "--queries", QUERIES, *options, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert [setting["depths"][0]["plan"] for setting in report["settings"]] == ["exact"]
    assert report["settings"][0]["effectiveness"] == {}
    assert "<title>scifact" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "per-query.tsv").exists()
    assert (report["missing"], report["dataset"], report["build"]) == (None, None, None)
    assert "nDCG" not in result.stdout
    assert "recall@3 against exact" in result.stdout
    assert len((tmp_path / "exact.trec").read_text().splitlines()) == 3
    assert not (tmp_path / "chosen.trec").exists()


def test_built_first(planets: Path, run: Run, tmp_path: Path) -> None:
    queries = write_lines(tmp_path / "queries.jsonl", {"id": "x", "vector": {"planet": 1.0}})
    options = "--queries", queries, "--output", tmp_path / "report", "-k", 2
    built = "--build", planets, "--build-options", "--layout full"
    result = run("evaluate", tmp_path / "index", *built, *options)
    assert result.exit_code == 0, result.output
    assert "with a peak memory of" in result.stdout
    report = orjson.loads((tmp_path / "report" / "report.json").read_bytes())
    assert report["layout"] == "full"
    assert report["build"]["seconds"] > 0
    assert report["build"]["peak_memory"] > 10_000_000
    again = run("evaluate", tmp_path / "index", *built, *options)
    assert again.exit_code == 2
    assert "already exists; remove --build" in again.stderr
    wrong = run("evaluate", tmp_path / "other", "--build", tmp_path / "none.parquet", *options)
    assert wrong.exit_code == 2
    assert "ended with code 2" in wrong.stderr


def test_relevant_documents_that_are_missing(planets_index: Path, run: Run, tmp_path: Path) -> None:
    queries = write_lines(tmp_path / "queries.jsonl", {"id": "x", "vector": {"planet": 1.0}})
    (tmp_path / "qrels").write_text("x 0 a 1\nx 0 gone 1\nx 0 gone-too 0\n")
    result = run("evaluate", planets_index, "--queries", queries, "--qrels", tmp_path / "qrels")
    assert "50.0% of the relevant documents are not in the collection." in result.stdout


def test_another_collection_beside(scifact: Scifact, scifact_index: Path, run: Run, tmp_path: Path) -> None:
    half = tmp_path / "half"
    seismic.build(scifact.vectors.slice(0, 2500), half, documents=scifact.documents.slice(0, 2500))
    judged = "--qrels", DATA / "qrels.tsv", "--where", "split=test", "-k", 10
    options = "--queries", QUERIES, "--beside", half, "--output", tmp_path / "report"
    result = run("evaluate", scifact_index, *options, *judged)
    assert result.exit_code == 0, result.output
    assert re.search(r"\| documents +\| +5,183 \| +2,500 \| +\+107.3% \|", result.stdout)
    report = orjson.loads((tmp_path / "report" / "report.json").read_bytes())
    alone = run("evaluate", half, "--queries", QUERIES, *judged, "--output", tmp_path / "alone")
    assert alone.exit_code == 0
    expected = orjson.loads((tmp_path / "alone" / "report.json").read_bytes())["settings"][0]["effectiveness"]
    assert report["beside"]["effectiveness"] == expected
    refused = run("evaluate", scifact_index, "--queries", QUERIES, "--beside", half)
    assert refused.exit_code == 2
    assert "--beside needs judgements" in refused.stderr


def test_fronts_of_rivals_are_drawn_beside_ours(scifact_index: Path, run: Run, tmp_path: Path) -> None:
    assert made_up().rival_fronts() == {10: {"rival": [(0.94, 3e-4), (0.955, 1.1e-3), (0.96, 1.2e-3)]}}
    (tmp_path / "results.json").write_bytes(to_json(made_up()))
    options = "--queries", QUERIES, "--where", "id=1", "-k", 10, "--output", tmp_path / "report"
    result = run("evaluate", scifact_index, *options, "--rivals", tmp_path / "results.json")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "report" / "recall-at-10.png").exists()
    missing = run("evaluate", scifact_index, *options, "--rivals", tmp_path / "none.json")
    assert missing.exit_code == 2
    assert "none.json: cannot be read: No such file" in missing.stderr


def test_exact_with_a_knob_is_another_column(scifact_index: Path, run: Run) -> None:
    result = run("evaluate", scifact_index, "--queries", QUERIES, "--where", "split=test", "--heap-factor", 2, "-k", 10)
    assert re.search(r"\|  +exact \| exact, heap_factor 2.0 \|", result.stdout)


def test_exact_trial_agrees_with_the_ground_truth(scifact: Scifact, scifact_index: Path) -> None:
    with seismic.open(scifact_index) as index:
        queries = read_queries(QUERIES, where=["split=test"])
        rows = [scifact.queries["id"].to_pylist().index(name) for name in queries.ids]
        trial = Trial(index, queries, SearchParams(plan="exact"))
        numbers, _ = trial.search(10)
        assert np.mean(numbers == scifact.truth_rows[rows]) > 0.99
        run = trial.run(10)
    ids = scifact.documents["id"].to_pylist()
    assert [hit.doc_id for hit in run[:10]] == [ids[number] for number in numbers[0]]


def test_queries_of_tokens(scifact: Scifact, scifact_index: Path, tmp_path: Path) -> None:
    lines = [{"id": row, "vector": {**scifact.tokens(row)["tokens"], "no such token": 1.0}} for row in range(3)]
    path = write_lines(tmp_path / "queries.jsonl", *lines)
    with seismic.open(scifact_index) as index:
        by_token = Trial(index, read_queries(path, index.vocabulary), SearchParams()).search(10)
        by_component = index.search_batch(scifact.query_vectors.slice(0, 3), 10)
    np.testing.assert_array_equal(by_token[0], by_component[0])
    np.testing.assert_array_equal(by_token[1], by_component[1])


def test_where(tmp_path: Path) -> None:
    rows = [("a", 1, True), ("b", 2, True), ("c", 2, False), ("d", None, True)]
    lines = [{"id": name, "n": n, "good": good, "tags": [], "vector": {}} for name, n, good in rows]
    path = write_lines(tmp_path / "queries.jsonl", *lines)
    vocabulary = seismic.Vocabulary([])
    assert read_queries(path, vocabulary, ["n=2", "good=true"]).ids == ["b"]
    with pytest.raises(InputError, match="no query with n=2 and good=maybe"):
        read_queries(path, vocabulary, ["n=2", "good=maybe"])
    with pytest.raises(
        ParameterError, match="--where split=test: expected column=value; columns are id, n, good, tags"
    ):
        read_queries(path, vocabulary, ["split=test"])
    with pytest.raises(ParameterError, match="--where n: expected column=value"):
        read_queries(path, vocabulary, ["n"])
    with pytest.raises(ParameterError, match="cannot compare a column of list"):
        read_queries(path, vocabulary, ["tags=x"])


def test_queries_that_do_not_suit(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "queries.jsonl", {"id": "a", "vector": {}}, {"id": "a", "vector": {}})
    with pytest.raises(InputError, match="has queries of tokens, but the index has no vocabulary"):
        read_queries(path)
    with pytest.raises(InputError, match="line 2, field 'id': found id 'a' again"):
        read_queries(path, seismic.Vocabulary([]))


def test_ids_that_do_not_meet(scifact_index: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_text("q1 0 d1 1\n")
    result = run("evaluate", scifact_index, "--queries", QUERIES, "--qrels", tmp_path / "qrels.tsv")
    assert result.exit_code == 2
    assert "no judgements of these queries; found query ids such as 'q1', expected ids such as '1'" in result.stderr


def test_output_that_cannot_be_written(scifact_index: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = "--where", "id=1", "--output", tmp_path / "file" / "results"
    result = run("evaluate", scifact_index, "--queries", QUERIES, *options)
    assert result.exit_code == 2
    assert "error: cannot write to " in result.stderr


def test_unmatched_queries_have_no_recall(planets_index: Path, run: Run, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "queries.jsonl", {"id": "x", "vector": {"pluto": 1.0}})
    result = run("evaluate", planets_index, "--queries", path, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert orjson.loads((tmp_path / "report.json").read_bytes())["settings"][0]["depths"][0]["recall"] is None
    assert "nan" in result.stdout
