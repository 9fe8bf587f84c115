"""Collections with several fields: searched as two collections apart whose scores are added up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seismic
from seismic import BuildParams, Hit, Index, QueryError, SearchRequest
from seismic.layouts import Layout
from seismic.search.request import FacetBy, Feedback, Fusion, GroupBy, Ranked, Run

Rows = list[dict[Any, float]]

DOCUMENTS = 300
RANDOM = np.random.default_rng(16)
NUMBERS = [3, 70_000, 4_000_000_000, *range(100, 140)]
TOKENS = [f"token{at}" for at in range(30)]


def draw(keys: list[Any], most: int) -> dict[Any, float]:
    chosen = RANDOM.choice(len(keys), RANDOM.integers(0, most + 1), replace=False)
    return {keys[at]: float(RANDOM.integers(1, 9)) for at in chosen}


LEFT: Rows = [draw(NUMBERS, 8) for _ in range(DOCUMENTS)]
RIGHT: Rows = [draw(TOKENS, 6) for _ in range(DOCUMENTS)]
QUERIES = [(draw(NUMBERS, 10), draw(TOKENS, 10)) for _ in range(12)]
COLOURS = [("red", "green", "blue")[at % 3] for at in range(DOCUMENTS)]
TABLE = {"id": [f"d{at}" for at in range(DOCUMENTS)], "colour": COLOURS}
FIELDS: dict[str, Any] = {"left": {}, "right": {"vocabulary": TOKENS}}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fields") / "both"
    seismic.build({"left": LEFT, "right": RIGHT}, path, documents=TABLE, fields=FIELDS)
    return path


def asked(left: Mapping[Any, float], right: Mapping[Any, float]) -> dict[str, Any]:
    vector = {"indices": list(left), "values": list(left.values())}
    return {"fields": {"left": vector, "right": {"tokens": right}}}


def dot(query: Mapping[Any, float], row: Mapping[Any, float]) -> float:
    return sum(weight * row[key] for key, weight in query.items() if key in row)


def best(scores: Mapping[int, float], k: int) -> list[tuple[int, float]]:
    return sorted(((at, score) for at, score in scores.items() if score > 0), key=lambda hit: (-hit[1], hit[0]))[:k]


def pairs(hits: list[Hit]) -> list[tuple[int, float]]:
    return [(hit.number, hit.score) for hit in hits]


@pytest.mark.parametrize("weights", [{}, {"left": 0.25}, {"left": 4.0, "right": 0.5}, {"right": 0.0}])
def test_scores_are_the_weighted_sum(both: Path, weights: dict[str, float]) -> None:
    """Weights are integers and powers of 2, so that scores tie exactly, in the order of document numbers."""
    one, other = weights.get("left", 1.0), weights.get("right", 1.0)
    with seismic.open(both) as index:
        for left, right in QUERIES:
            totals = {at: one * dot(left, LEFT[at]) + other * dot(right, RIGHT[at]) for at in range(DOCUMENTS)}
            query = asked(left, right) | {"weights": weights}
            assert pairs(index.search(query, k=20)) == best(totals, 20)


def test_two_collections_apart_give_the_same_sums(both: Path, tmp_path: Path) -> None:
    seismic.build(LEFT, tmp_path / "left", documents=TABLE)
    seismic.build(RIGHT, tmp_path / "right", documents=TABLE, vocabulary=TOKENS)
    with (
        seismic.open(both) as index,
        seismic.open(tmp_path / "left") as left,
        seismic.open(tmp_path / "right") as right,
    ):
        for numbers, tokens in QUERIES:
            totals: dict[int, float] = {}
            for apart, query in ((left, numbers), (right, {"tokens": tokens})):
                for number, score in pairs(apart.search(query, k=DOCUMENTS)) if query else ():
                    totals[number] = totals.get(number, 0.0) + score
            assert pairs(index.search(asked(numbers, tokens), k=DOCUMENTS)) == best(totals, DOCUMENTS)
            one = index.search({"fields": {"right": {"tokens": tokens}}}, k=20)
            assert pairs(one) == pairs(right.search({"tokens": tokens}, k=20))


@pytest.mark.parametrize("layout", ["full", "lists"])
def test_other_layouts(both: Path, tmp_path: Path, layout: Layout) -> None:
    params = BuildParams(layout=layout)
    path = seismic.build({"left": LEFT, "right": RIGHT}, tmp_path / "other", fields=FIELDS, params=params)
    assert seismic.verify(path.parents[1]).damages == []
    with seismic.open(both) as index, seismic.open(path.parents[1]) as other:
        for left, right in QUERIES:
            assert pairs(other.search(asked(left, right))) == pairs(index.search(asked(left, right)))


def test_filters_facets_and_groups(both: Path) -> None:
    left, right = QUERIES[0]
    totals = {at: dot(left, LEFT[at]) + dot(right, RIGHT[at]) for at in range(DOCUMENTS)}
    red = {at: score for at, score in totals.items() if COLOURS[at] == "red"}
    only_red = {"must": [{"key": "colour", "match": {"value": "red"}}]}
    with seismic.open(both) as index:
        answer = index.ask(SearchRequest(query=asked(left, right), filter=only_red, facets=[FacetBy(key="colour")]))
        assert pairs(answer.hits) == best(red, 10)
        assert answer.facets is not None
        assert [(one.value, one.count) for one in answer.facets["colour"]] == [("red", sum(map(bool, red.values())))]
        groups = index.ask(SearchRequest(query=asked(left, right), group_by=GroupBy(key="colour"))).groups
        assert groups is not None
        expected = [next(hit for hit in best(totals, DOCUMENTS) if COLOURS[hit[0]] == group.value) for group in groups]
        assert [pairs(group.hits)[0] for group in groups] == expected


def test_explanations_tell_each_fields_part(both: Path) -> None:
    left, right = next(query for query in QUERIES if all(query))
    query = asked(left, right) | {"weights": {"left": 0.5}}
    with seismic.open(both) as index:
        answer = index.ask(SearchRequest(query=query, explain=True))
        for hit in answer.hits:
            parts = {"left": 0.5 * dot(left, LEFT[hit.number]), "right": dot(right, RIGHT[hit.number])}
            assert hit.fields == {name: part for name, part in parts.items() if part}
            for one in hit.explanation or ():
                if one.field == "left":
                    assert (one.token, one.value) == (None, LEFT[hit.number][one.component])
                else:
                    assert one.token is not None
                    assert (one.token, one.value) == (TOKENS[one.component], RIGHT[hit.number][one.token])
        assert answer.explanation is not None
        assert {term.field for term in answer.explanation.terms} == {"left", "right"}
        assert answer.explanation.certificate is not None


def test_fusion_by_rank(both: Path) -> None:
    with seismic.open(both) as index:
        for left, right in QUERIES[:4]:
            totals: dict[int, float] = {}
            for weight, query, rows in ((2.0, left, LEFT), (1.0, right, RIGHT)):
                scores = {at: dot(query, row) for at, row in enumerate(rows)}
                for rank, (number, _) in enumerate(best(scores, 100), 1):
                    totals[number] = totals.get(number, 0.0) + weight / (60 + rank)
            query = asked(left, right) | {"weights": {"left": 2.0}, "fusion": "rrf"}
            expected = best(totals, 30)
            for hits in (index.search(query, k=30), index.ask(SearchRequest(query=query, limit=30, explain=True)).hits):
                assert [hit.number for hit in hits] == [number for number, _ in expected]
                assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])


def test_rank_fusion_stands_alone(both: Path) -> None:
    query = asked({3: 1.0}, {"token0": 1.0}) | {"fusion": "rrf"}
    runs = Fusion(runs=[Run(hits=[Ranked(id="d1", score=1.0)])])
    with seismic.open(both) as index:
        for options in ({"feedback": Feedback()}, {"fusion": runs}, {"group_by": GroupBy(key="colour")}):
            with pytest.raises(QueryError, match=f"{next(iter(options))}: found next to the fusion 'rrf'"):
                index.ask(SearchRequest(query=query, **options))
        with pytest.raises(QueryError, match=r"queries\[0\]: fusion: found 'rrf'"):
            index.search_batch([query])
        with pytest.raises(QueryError, match="ask why with 'sum'"):
            index.why_not(query, ["d1"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({3: 1.0}, "expected a text, or .* as the collection has the fields left, right"),
        ({"tokens": {"token1": 1.0}}, "as the collection has the fields left, right"),
        ("a text", "none of the fields left, right has an encoder"),
        ({"fields": {"left": {"tokens": {"token1": 1.0}}}}, "field 'left': tokens: this index has no vocabulary"),
        ({"fields": {"right": "a text"}}, "field 'right': .*has no encoder for texts"),
        ({"fields": {"left": {3: 1.0}}, "weights": {"right": 1}}, "found field 'right', which the query does not"),
        ({"fields": {"left": {"indices": [3, 3], "values": [1, 1]}}}, "field 'left': indices: found component 3 twice"),
        ({"fields": {"left": {3: -1.0}}}, "field 'left': values"),
        ({"fields": {"left": {"id": "d1"}}}, "field 'left': found id"),
    ],
)
def test_queries_that_are_refused(both: Path, query: Any, message: str) -> None:
    with seismic.open(both) as index, pytest.raises(QueryError, match=message):
        index.search(query)


def test_unknown_components_match_nothing(both: Path) -> None:
    with seismic.open(both) as index:
        answer = index.answer({"fields": {"left": {3: 1.0, 5: 1.0}, "right": {"tokens": {"absent": 1.0}}}})
        assert answer.unknown == (5, "absent")


def test_examples_and_feedback(both: Path) -> None:
    with seismic.open(both) as index:
        stored = index.fetch(["d7"], with_vectors=True)[0]
        assert stored is not None
        query = {"fields": (stored.vector or {})["fields"]}
        expected = [hit for hit in pairs(index.search(query, k=6)) if hit[0] != 7][:5]
        assert pairs(index.search({"id": "d7"}, k=5)) == expected
        expanded = index.ask(SearchRequest(query=query, feedback=Feedback(documents=1)))
        assert expanded.hits[0].number == 7


def test_vectors_by_field(both: Path) -> None:
    with seismic.open(both) as index:
        apart = index.field_vectors(range(DOCUMENTS))
        for at in range(DOCUMENTS):
            components, values = apart["left"][at]
            assert dict(zip(components.tolist(), values.tolist(), strict=True)) == LEFT[at]
            components, values = apart["right"][at]
            assert {TOKENS[one]: value for one, value in zip(components, values, strict=True)} == RIGHT[at]


def idf_of(index: Index, text: str) -> float:
    return index.search({"fields": {"text": text}}, k=1)[0].score


def test_idf_counts_the_documents_that_have_the_field(tmp_path: Path) -> None:
    fitted = seismic.fit_bm25(["red", "blue"], seismic.Bm25(k1=0.0))
    vectors: dict[str, Any] = {
        "text": [{"red": 1.0}, {"blue": 1.0}, {}],
        "raw": [{1: 1.0}, {1: 1.0}, {2: 1.0}],
    }
    fields: dict[str, Any] = {"text": {"encoder": fitted.encoder}, "raw": {"idf": True}}
    seismic.build(vectors, tmp_path / "new", documents={"id": [1, 2, 3]}, fields=fields)
    with seismic.open(tmp_path / "new") as index:
        assert idf_of(index, "red") == pytest.approx(np.log1p(1.5 / 1.5))  # of 2 documents, not of 3
        raw = index.search({"fields": {"raw": {1: 1.0}}}, k=1)[0].score
        assert raw == pytest.approx(np.log1p(1.5 / 2.5))
        within = SearchRequest(query={"fields": {"text": "red"}}, idf_filter={"ids": [1, 3]}, limit=1)
        assert index.ask(within).hits[0].score == pytest.approx(np.log1p(0.5 / 1.5))  # the third has no text
        seismic.delete(tmp_path / "new", [2])
        index.refresh()
        assert idf_of(index, "red") == pytest.approx(np.log1p(0.5 / 1.5))
