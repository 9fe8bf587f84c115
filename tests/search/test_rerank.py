"""Reranking: the best hits in another order, by scores of the request or of a cross-encoder."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import (
    Fusion,
    GroupBy,
    Index,
    ParameterError,
    Ranked,
    Rerank,
    Reranker,
    Run,
    Scores,
    SearchRequest,
    SparseVectors,
    load_reranker,
)
from tests.encoders.cross import naive_score, write_reranker
from tests.encoders.small import WORDS

COUNT = 60
QUERY = {"indices": [0, 1], "values": [1.0, 0.5]}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rng = np.random.default_rng(3)
    rows = [{0: float(value), 1: 1.0} for value in rng.uniform(1, 9, COUNT)]
    texts = [" ".join(rng.choice(WORDS, 8)) if row % 7 else None for row in range(COUNT)]
    documents = pa.table({"id": [f"d{row}" for row in range(COUNT)], "text": texts, "year": list(range(COUNT))})
    path = tmp_path_factory.mktemp("rerank") / "index"
    seismic.build(SparseVectors.from_dicts(rows), path, documents=documents)
    with seismic.open(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return load_reranker(write_reranker(tmp_path_factory.mktemp("cross") / "tiny"))


def ask(index: Index, reranker: Reranker | None = None, **options: Any) -> Any:
    return index.ask(SearchRequest(query=QUERY, **options), reranker)


@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize(("offset", "limit"), [(0, 10), (5, 10), (0, 40)])
def test_the_cross_encoder_orders_the_best_hits(
    index: Index, reranker: Reranker, weight: float, offset: int, limit: int
) -> None:
    first = index.search(QUERY, 40)
    texts = [payload["text"] or "" for payload in index.payloads([hit.number for hit in first], ["text"])]
    both = [(naive_score("word1 word4", text), hit.score) for text, hit in zip(texts, first, strict=True)]
    wanted = sorted(range(40), key=lambda at: -(both[at][0] + weight * both[at][1]))[offset : offset + limit]
    rerank = Rerank(text="word1 word4", depth=40, search_weight=weight)
    answer = ask(index, reranker, rerank=rerank, offset=offset, limit=limit)
    assert [hit.id for hit in answer.hits] == [first[at].id for at in wanted]
    assert [hit.score for hit in answer.hits] == pytest.approx(
        [both[at][0] + weight * both[at][1] for at in wanted], abs=1e-4
    )
    assert [scores.search for scores in answer.reranked] == [first[at].score for at in wanted]
    assert [scores.rerank for scores in answer.reranked] == pytest.approx([both[at][0] for at in wanted], abs=1e-4)
    assert answer.warnings == ()


def test_scores_of_the_request(index: Index) -> None:
    """Hits without a score are left out, ids that are no hits ignored; both are said. Ties keep the search's order."""
    first = index.search(QUERY, 5)
    given = [(first[3].id, -1.0), (first[1].id, 7.0), (first[0].id, -1.0), ("d-none", 9.0)]
    answer = ask(index, rerank=Rerank(scores=[Ranked(id=id, score=score) for id, score in given], depth=5), limit=5)
    assert [(hit.id, hit.score) for hit in answer.hits] == [
        (first[1].id, 7.0),
        (first[0].id, -1.0),
        (first[3].id, -1.0),
    ]
    assert answer.reranked[0] == Scores(first[1].score, 7.0)
    assert answer.warnings == (
        "rerank.scores: 2 of the best 5 hits have no score and are left out",
        "rerank.scores: 1 ids are not among the best 5 hits",
    )


def test_after_a_fusion_and_under_a_filter(index: Index) -> None:
    fusion = Fusion(runs=[Run(hits=[Ranked(id="d11", score=1.0)], weight=1000.0)])
    scores = [Ranked(id=f"d{row}", score=row) for row in range(10, 20)]
    options: dict[str, Any] = {"filter": {"year": list(range(10, 20))}, "rerank": Rerank(scores=scores)}
    assert [hit.id for hit in ask(index, **options).hits] == [f"d{row}" for row in range(19, 9, -1)]
    fused = ask(index, fusion=fusion, **options)
    assert [hit.id for hit in fused.hits] == [f"d{row}" for row in range(19, 9, -1)]
    assert fused.reranked[8].search == max(scores.search for scores in fused.reranked)


def test_the_short_ways(tmp_path: Path, index: Index, reranker: Reranker) -> None:
    """A text of the query is the text to compare with; a reranker alone orders the best 100."""
    fitted = seismic.fit_bm25([" ".join(WORDS[: 1 + row]) for row in range(12)])
    documents = pa.table({"id": list(range(12)), "text": [" ".join(WORDS[: 1 + row]) for row in range(12)]})
    seismic.build(fitted.vectors, tmp_path / "texts", documents=documents, encoder=fitted.encoder)
    with seismic.open(tmp_path / "texts") as texts:
        expected = sorted(range(12), key=lambda row: -naive_score("word0", " ".join(WORDS[: 1 + row])))
        assert [hit.id for hit in texts.search("word0", 12, reranker=reranker)] == expected
        assert [hit.id for hit in texts.search({"text": "word0"}, 12, rerank=Rerank(), reranker=reranker)] == expected
        scores = [Ranked(id=row, score=row) for row in range(12)]
        assert [hit.id for hit in texts.search("word0", 2, rerank=Rerank(scores=scores))] == [11, 10]
        assert texts.answer("word0", 150, reranker=reranker).hits


def test_without_rerank_nothing_changes(index: Index, reranker: Reranker) -> None:
    assert ask(index, reranker).reranked is None
    assert ask(index, reranker).hits == index.search(QUERY, 10)
    assert ask(index, rerank=None, group_by=GroupBy(key="year")).groups
    assert ask(index, rerank=Rerank(scores=[Ranked(id="d1", score=1)]), limit=0).hits == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rerank": {"text": "x"}}, "rerank: found no scores, and no reranker is loaded; give rerank.scores, or load"),
        ({"rerank": {"scores": [{"id": 3, "score": 1}]}}, "rerank.scores: .*found 3"),
        (
            {"rerank": {"scores": [{"id": "a", "score": 1}] * 2}},
            "rerank.scores: found id 'a' twice, expected each once",
        ),
        ({"rerank": {"scores": []}}, "rerank.scores"),
        ({"rerank": {"scores": [{"id": "a", "score": float("nan")}]}}, "rerank.scores.0.score"),
        (
            {"rerank": {"scores": [{"id": "a", "score": 1}], "text": "x"}},
            "scores need no text, which is for the cross-enc",
        ),
        ({"rerank": {"depth": 0}}, "rerank.depth"),
        ({"rerank": {"depth": 5}, "limit": 6}, r"rerank.depth is 5, expected at least 6, which is offset \+ limit"),
        ({"rerank": {}, "group_by": GroupBy(key="year")}, "group_by excludes rerank"),
        ({"rerank": {"deep": 5}}, "rerank.deep"),
    ],
)
def test_wrong_requests(index: Index, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ask(index, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rerank": {}}, "rerank.text: the query is no text, so the reranker needs one; give rerank.text"),
        (
            {"rerank": {"text": "x", "column": "title"}},
            "rerank.column: found no column 'title'; this collection has text,",
        ),
        ({"rerank": {"text": "x", "column": "year"}}, "rerank.column: 'year' holds int64, expected texts"),
    ],
)
def test_what_the_cross_encoder_cannot_read(
    index: Index, reranker: Reranker, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        ask(index, reranker, **options)
    with pytest.raises(ParameterError, match=rf"searches\[1\]: {message}"):
        index.search_many([SearchRequest(query=QUERY), SearchRequest(query=QUERY, **options)], reranker=reranker)


def test_a_query_is_needed() -> None:
    with pytest.raises(ParameterError, match="without a query, found rerank"):
        SearchRequest(rerank=Rerank())
