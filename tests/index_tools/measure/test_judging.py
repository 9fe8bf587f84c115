"""`seismic evaluate` on data as people have it: BEIR folders, topics, ids of other queries."""

from pathlib import Path

import orjson
import pytest

import seismic
from tests.index_tools.conftest import Run, write_lines

CORPUS = [
    {"_id": "d1", "title": "Mars", "text": "Mars is a red planet.", "metadata": {}},
    {"_id": "d2", "title": "Venus", "text": "Venus is a hot planet.", "metadata": {}},
    {"_id": "d3", "title": "Sun", "text": "The sun is a star.", "metadata": {}},
]
QUERIES = [
    {"_id": "q1", "text": "red planet", "metadata": {"a": [{"x": 1}]}},
    {"_id": "d2", "text": "hot planet Venus", "metadata": {"b": "y"}},
    {"_id": "q3", "text": "which star", "metadata": {}},
]
JUDGED = "query-id\tcorpus-id\tscore\nq1\td1\t1\nd2\td2\t1.0\nd2\td1\t1\nq9\td3\t2\n"


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    write_lines(folder / "corpus.jsonl", *CORPUS)
    write_lines(folder / "queries.jsonl", *QUERIES)
    (folder / "qrels" / "test.tsv").write_text(JUDGED)
    return folder


@pytest.fixture
def collection(beir: Path, run: Run) -> Path:
    out = beir.with_name("collection")
    result = run("build", beir, out, "--encoder", "splade-tiny", "--text-fields", "title,text")
    assert result.exit_code == 0, result.output
    assert "documents 3" in result.stdout
    return out


def judged(run: Run, collection: Path, *options: str | Path) -> dict[str, object]:
    out = collection.with_name("report")
    result = run("evaluate", collection, *options, "-k", 2, "--threads", 1, "--output", out)
    assert result.exit_code == 0, result.output
    report: dict[str, object] = orjson.loads((out / "report.json").read_bytes())
    return report


def test_folders_of_beir_as_they_are(run: Run, beir: Path, collection: Path) -> None:
    report = judged(run, collection, "--queries", beir, "--qrels", beir)
    assert (report["queries"], report["judged"], report["unsearched"]) == (3, 2, ["q9"])
    assert (
        "Judged queries without a query, not averaged: 1 (q9)."
        in (collection.with_name("report") / "report.md").read_text()
    )
    only = judged(run, collection, "--queries", beir, "--qrels", beir / "qrels" / "test.tsv", "--judged-only")
    assert (only["queries"], only["judged"]) == (2, 2)


def test_documents_that_are_the_query_are_not_judged(run: Run, beir: Path, collection: Path) -> None:
    """Query d2 finds d2 first; without it d1 is first, of two relevant documents, and d3 takes the last place."""
    options = "--queries", beir, "--qrels", beir, "--judged-only"
    judged(run, collection, *options)
    lines = (collection.with_name("report") / "exact.trec").read_text().splitlines()
    assert [line.split()[2] for line in lines if line.startswith("d2 ")] == ["d2", "d1"]
    ignoring = judged(run, collection, *options, "--ignore-same-id")
    lines = (collection.with_name("report") / "exact.trec").read_text().splitlines()
    assert [line.split()[2:4] for line in lines if line.startswith("d2 ")] == [["d1", "1"], ["d3", "2"]]
    (setting,) = ignoring["settings"]  # type: ignore[misc]
    assert setting["effectiveness"]["R@10"] == pytest.approx((1 + 1 / 2) / 2)
    assert setting["effectiveness"]["RR@10"] == 1


def test_ties_are_judged_in_the_order_of_the_answer(run: Run, tmp_path: Path) -> None:
    """Ten documents of one score are returned by number; only the third is relevant."""
    documents = write_lines(tmp_path / "x.jsonl", *({"id": f"{9 - n}", "vector": {"a": 1.0}} for n in range(10)))
    queries = write_lines(tmp_path / "q.jsonl", {"id": "q", "vector": {"a": 1.0}})
    (tmp_path / "qrels").write_text("q 0 7 1\n")
    assert run("build", documents, tmp_path / "collection").exit_code == 0
    report = judged(run, tmp_path / "collection", "--queries", queries, "--qrels", tmp_path / "qrels")
    (setting,) = report["settings"]  # type: ignore[misc]
    assert setting["effectiveness"]["RR@10"] == pytest.approx(1 / 3)
    assert setting["effectiveness"]["nDCG@10"] == pytest.approx(1 / 2)


def test_pre_tokenised_topics_are_not_taken_for_texts(run: Run, collection: Path, tmp_path: Path) -> None:
    topics = tmp_path / "topics.tsv"
    topics.write_text("q1\tred red red red planet\nq2\tsun sun sun sun star\n")
    for verb in (("evaluate", "-k", "2"), ("tune", "-k", "2", "--targets", "0.5")):
        refused = run(verb[0], collection, "--queries", topics, *verb[1:])
        assert refused.exit_code == 2
        assert "topics.tsv, line 1: found pre-tokenised topics such as 'red red red red planet'" in refused.stderr
        assert "add --topics tokens" in refused.stderr
        for form in ("tokens", "text"):
            accepted = run(verb[0], collection, "--queries", topics, *verb[1:], "--topics", form)
            assert accepted.exit_code == 0, accepted.output
    judged(run, collection, "--queries", topics, "--topics", "tokens")
    with seismic.open(collection) as index:
        (first,) = index.search({"tokens": {"red": 4.0, "planet": 1.0}}, 1)
    line = (collection.with_name("report") / "exact.trec").read_text().splitlines()[0].split()
    assert (line[0], line[2], float(line[4])) == ("q1", first.id, pytest.approx(first.score))


def test_what_cannot_be_judged_fails_before_anything_is_encoded(run: Run, collection: Path, tmp_path: Path) -> None:
    queries = write_lines(tmp_path / "q.jsonl", {"id": "two words", "text": "red"})
    (tmp_path / "qrels").write_text("q 0 d1 high\n")
    options = "--queries", queries, "--qrels", tmp_path / "qrels"
    assert "line 1: found 'q 0 d1 high'" in run("evaluate", collection, *options).stderr
    refused = run("evaluate", collection, "--queries", queries, "-k", 2, "--output", tmp_path / "out")
    assert refused.exit_code == 2
    assert "query id 'two words': expected one word without blanks, as TREC runs need it" in refused.stderr
    assert list((tmp_path / "out").iterdir()) == []
    refused = run("evaluate", collection, "--queries", queries, "--judged-only")
    assert "--judged-only needs judgements: --qrels or --dataset" in refused.stderr
