"""`seismic evaluate --run`, `--fuse` and `--beside`: judged on the same queries, compared query by query."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from ir_measures import ScoredDoc

import seismic
from seismic import Fusion, InputError, ParameterError, Ranked, SearchRequest
from seismic import Run as OtherRun
from seismic_tools.measure.evaluate.comparing import SIGNS, chance_of
from seismic_tools.measure.evaluate.fusing import fuse, parse_fuse
from seismic_tools.readers.trec import read_trec
from tests.conftest import DATA
from tests.index_tools.conftest import Run, write_lines

QUERIES = "--queries", DATA / "queries.parquet", "--where", "split=test", "--threads", 1
JUDGED = "--qrels", DATA / "qrels.tsv"


@pytest.fixture(scope="module")
def bm25(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SciFact by BM25."""
    documents = pq.read_table(DATA / "documents.parquet", columns=["id", "title", "text"])
    fitted = seismic.fit_bm25(documents["text"].to_pylist(), seismic.Bm25(stemmer="english", stop_words="english"))
    out = tmp_path_factory.mktemp("collections") / "bm25"
    seismic.build(fitted.vectors, out, documents=documents, encoder=fitted.encoder)
    return out


def compared(folder: Path) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in orjson.loads((folder / "report.json").read_bytes())["compared"]}


def test_bm25_splade_and_their_fusions_in_one_command(
    scifact_index: Path, bm25: Path, run: Run, tmp_path: Path
) -> None:
    fusions = "--fuse", "rrf", "--fuse", "weighted", "--fuse", "sum:0.3,1"
    result = run(
        "evaluate", scifact_index, "--beside", bm25, *QUERIES, *JUDGED, *fusions, "-k", 100, "--output", tmp_path
    )
    assert result.exit_code == 0, result.output
    found = compared(tmp_path)
    assert list(found) == ["scifact", "bm25", "rrf", "weighted", "sum:0.3,1"]
    assert found["scifact"]["effectiveness"]["nDCG@10"] == pytest.approx(0.6436, abs=1e-4)
    assert found["scifact"]["effectiveness"]["R@100"] == pytest.approx(0.8930, abs=1e-4)
    assert found["scifact"]["p_values"] == {}
    best = max(one["effectiveness"]["nDCG@10"] for one in found.values())
    assert found["weighted"]["effectiveness"]["nDCG@10"] == best > 0.69
    assert 0 < found["weighted"]["p_values"]["nDCG@10"] < 0.001
    assert "p < 0.001)" in result.stdout
    lines = [line.split("\t") for line in (tmp_path / "per-query.tsv").read_text().splitlines()]
    assert lines[0] == ["query", "measure", *found]
    values = np.array([line[2:] for line in lines[1:] if line[1] == "nDCG@10"], float)
    assert values.shape == (300, 5)
    assert values.mean(axis=0) == pytest.approx([one["effectiveness"]["nDCG@10"] for one in found.values()], abs=1e-6)

    # The same from the runs of that report, and the fusion is that of the engine.
    again = tmp_path / "again"
    files = "--run", tmp_path / "beside.trec"
    assert run("evaluate", scifact_index, *QUERIES, *JUDGED, *files, "--fuse", "rrf", "--output", again).exit_code == 0
    assert compared(again)["rrf"] == {**found["rrf"], "p_values": pytest.approx(found["rrf"]["p_values"])}
    fused = read_trec(tmp_path / "rrf.trec")
    with seismic.open(scifact_index) as index, seismic.open(bm25) as other:
        for row in orjson.loads(_queries()):
            hits = [Ranked(id=hit.id, score=hit.score) for hit in other.search(row["text"], 100)]
            query = {"indices": row["indices"], "values": row["values"]}
            fusion = Fusion(runs=[OtherRun(hits=hits)])
            expected = [hit.id for hit in index.ask(SearchRequest(query=query, limit=100, fusion=fusion)).hits]
            assert [hit.doc_id for hit in fused[row["id"]]] == expected


def _queries() -> bytes:
    rows = [row for row in pq.read_table(DATA / "queries.parquet").to_pylist() if row["split"] == "test"]
    return orjson.dumps(rows[:20])


def test_fusing() -> None:
    one = [ScoredDoc("q", "a", 4.0), ScoredDoc("q", "b", 2.0), ScoredDoc("q", "c", 0.0)]
    two = [ScoredDoc("q", "c", 0.5), ScoredDoc("q", "d", 0.25)]
    numbers = {"a": 3, "b": 2, "c": 1}  # d is not in the collection

    def fused(text: str) -> list[tuple[str, float]]:
        return [(hit.doc_id, pytest.approx(hit.score)) for hit in fuse(parse_fuse(text), [one, two], numbers)]

    assert fused("sum") == [("a", 4.0), ("b", 2.0), ("c", 0.5), ("d", 0.25)]
    assert fused("sum:0.5,8") == [("c", 4.0), ("a", 2.0), ("d", 2.0), ("b", 1.0)]
    assert fused("weighted") == [("c", 1.001), ("a", 1.0), ("b", 0.5), ("d", 0.001)]
    assert fused("rrf") == [("c", 1 / 63 + 1 / 61), ("a", 1 / 61), ("b", 1 / 62), ("d", 1 / 62)]


def test_p_values_are_those_of_all_signs() -> None:
    differences = np.array([0.3, -0.1, 0.2, 0.25, 0.0, 0.4, -0.05, 0.1])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=len(differences))]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)
    assert chance_of(differences) == pytest.approx(exact, abs=0.01)
    assert chance_of(-differences) == chance_of(differences)
    assert chance_of(np.zeros(5)) == 1.0
    assert chance_of(np.full(100, 0.1)) == 1 / (SIGNS + 1)


@pytest.fixture
def few(run: Run, planets_index: Path, tmp_path: Path) -> list[Any]:
    """A tiny collection with queries and judgements."""
    queries = write_lines(tmp_path / "queries.jsonl", {"id": "x", "vector": {"planet": 1.0}})
    (tmp_path / "qrels").write_text("x 0 a 1\n")
    return ["evaluate", planets_index, "--queries", queries, "--qrels", tmp_path / "qrels", "-k", 2, "--threads", 1]


def test_hits_that_a_run_lacks_count_as_none(run: Run, few: list[Any], tmp_path: Path) -> None:
    (tmp_path / "other.trec").write_text("x Q0 b 1 2.5 tag\nx Q0 a 2 3.5 tag\ny Q0 a 1 1 tag\n")
    result = run(*few, "--run", tmp_path / "other.trec", "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert compared(tmp_path / "report")["other"]["effectiveness"]["nDCG@10"] == 1.0


def test_fields_of_a_collection_are_fused(run: Run, tmp_path: Path) -> None:
    """Each field is a column; `sum` is what a search of both finds."""
    texts = ["red sun", "blue moon", "red moon moon", "sun sun sun sun"]
    lines = [{"id": row, "text": text, "title": text.split()[0]} for row, text in enumerate(texts)]
    fields = "--field", "body=bm25", "--field", "head=bm25:title"
    built = run("build", write_lines(tmp_path / "texts.jsonl", *lines), tmp_path / "index", *fields)
    assert built.exit_code == 0, built.output
    queries = write_lines(tmp_path / "queries.jsonl", {"id": "q", "text": "red moon"})
    (tmp_path / "qrels").write_text("q 0 2 1\nq 0 1 1\n")
    judged = "--queries", queries, "--qrels", tmp_path / "qrels", "-k", 4, "--threads", 1
    fusions = "--fuse", "rrf", "--fuse", "sum"
    result = run("evaluate", tmp_path / "index", *judged, *fusions, "--output", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert list(compared(tmp_path / "report")) == ["index", "body", "head", "rrf", "sum"]
    whole, fused = (read_trec(tmp_path / "report" / f"{name}.trec")["q"] for name in ("exact", "sum"))
    assert [hit.doc_id for hit in fused] == [hit.doc_id for hit in whole]
    assert [hit.score for hit in fused] == pytest.approx([hit.score for hit in whole], rel=1e-5)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x Q0 a 1 2.5", "other.trec, line 2: found 5 words, expected 6: query, Q0, document, rank, score, tag"),
        ("x Q0 a 1 high tag", "other.trec, line 2: found the score 'high', expected a number"),
        ("x Q0 a 1 nan tag", "other.trec, line 2: found the score 'nan', expected a number"),
        ("x Q0 b 2 1 tag", "other.trec, line 2: found document 'b' twice for query 'x', expected it once"),
    ],
)
def test_wrong_runs(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "other.trec").write_text(f"x Q0 b 1 2.5 tag\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_trec(tmp_path / "other.trec")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fuse", "rrf"], "--fuse needs something to fuse with: --run, --beside, or several fields"),
        (
            ["--run", "other.trec", "--fuse", "best"],
            "--fuse best: expected rrf, weighted, sum, or one of them with wei",
        ),
        (["--run", "other.trec", "--fuse", "sum:1"], "--fuse sum:1: found 1 weight, expected 2: for index, other"),
        (
            ["--run", "other.trec", "--fuse", "sum:1,0"],
            "--fuse sum:1,0: found the weight '0', expected a number above 0",
        ),
        (["--run", "other.trec", "--run", "other.trec"], "--run: found the name 'other' twice; rename a file"),
        (["--run", "none.trec"], "none.trec: No such file or directory, expected a TREC run"),
        (["--run", "foreign.trec"], "foreign: no hits for these queries; found query ids such as 'y', expected 'x'"),
    ],
)
def test_options_that_do_not_fit(run: Run, few: list[Any], tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "other.trec").write_text("x Q0 b 1 2.5 tag\n")
    (tmp_path / "foreign.trec").write_text("y Q0 b 1 2.5 tag\n")
    given = [tmp_path / option if option.endswith(".trec") else option for option in options]
    result = run(*few, *given)
    assert result.exit_code == 2
    assert message in result.stderr


def test_weights_are_checked_before_anything_is_measured() -> None:
    with pytest.raises(ParameterError, match="found 3 weights, expected 2: for a, b"):
        parse_fuse("rrf:1,2,3").check(["a", "b"])
