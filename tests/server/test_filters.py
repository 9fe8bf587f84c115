"""Filters over REST."""

from typing import Any

import httpx2
import pytest

from seismic import Index
from seismic_server.schemas.bodies import CountAnswer
from tests.conftest import Scifact

from .test_problems import problem
from .test_search import ask, expected, pairs

LONG = {"must": [{"key": "n_chars", "range": {"gt": 1500}}, {"key": "structured", "match": {"value": False}}]}


def count(client: httpx2.Client, body: dict[str, Any]) -> CountAnswer:
    response = client.post("/v1/collections/scifact/count", json=body)
    assert response.status_code == 200, response.text
    return CountAnswer.model_validate_json(response.content)


def test_search_under_a_filter(client: httpx2.Client, index: Index, scifact: Scifact) -> None:
    answer = ask(client, query=scifact.query(0), filter=LONG)
    assert (
        pairs(answer)
        == expected(index.search(scifact.query(0), filter=LONG))
        != pairs(ask(client, query=scifact.query(0)))
    )
    assert all(hit.payload and hit.payload["n_chars"] > 1500 and not hit.payload["structured"] for hit in answer.hits)
    assert answer.matched is not None
    assert (answer.matched.value, answer.matched.relation) == (index.count(LONG), "eq")
    assert answer.warnings == []
    assert ask(client, query=scifact.query(0)).matched is None


def test_a_narrow_filter_warns(client: httpx2.Client, scifact: Scifact) -> None:
    ids = {"must": [{"ids": [scifact.documents["id"][0].as_py(), "elsewhere"]}]}
    answer = ask(client, query=scifact.query(0), filter=ids)
    assert answer.warnings == ["only 1 documents match the filter"]


def test_count(client: httpx2.Client, index: Index) -> None:
    answer = count(client, {"filter": LONG})
    assert (answer.count, answer.generation, answer.sequence) == (index.count(LONG), index.generation, 0)
    assert 0 < answer.count < count(client, {}).count == len(index)


@pytest.mark.parametrize("route", ["search", "count"])
@pytest.mark.parametrize(
    ("wanted", "pointer", "detail"),
    [
        ({"must": [{"key": "n_chars", "range": {"gtee": 1}}]}, "#/filter/must/0/range/gtee", "unknown field"),
        (
            {"must": [{"key": "n_chars"}]},
            "#/filter/must/0",
            "expected an object with columns and their values, or exactly one of 'match', ",
        ),
        ({"must": [{"key": "n_cars", "range": {"gt": 1}}]}, "#/filter/must/0/key", "unknown column 'n_cars'; "),
        ({"must": [{"key": "title", "range": {"gt": 1}}]}, "#/filter/must/0/range", "column 'title' is string, "),
        ({"must": [{"ids": ["x"] * 70_000}]}, "#/filter", "found more than 65536 values"),
        ({'a"b/c ~[0].d': 1}, "#/filter/a%22b~1c%20~0%5B0%5D.d", "unknown column "),
        ([], "#/filter", "expected an object with columns and their values, or exactly one of "),
        ({"n_chars": "1"}, "#/filter/n_chars", "found '1', expected an integer: column 'n_chars' is int32"),
        ({"key": "title", "match": {"text": "-"}}, "#/filter/match/text", "found 0 different words"),
        ({"must": [], "title": 1}, "#/filter/title", "unknown field; to match a column, add {"),
    ],
)
def test_a_wrong_filter(
    client: httpx2.Client, scifact: Scifact, route: str, wanted: Any, pointer: str, detail: str
) -> None:
    body = {"filter": wanted} | ({"query": scifact.query(0)} if route == "search" else {})
    found = problem(client.post(f"/v1/collections/scifact/{route}", json=body), 422)
    assert found.type.endswith("invalid-filter")
    (field,) = found.errors
    assert (field.pointer, field.detail[: len(detail)]) == (pointer, detail)
    assert found.detail.startswith("filter")
    assert found.detail.endswith(field.detail)


@pytest.mark.parametrize(
    "wanted",
    [
        {"structured": True, "n_sentences": [5, 6]},
        {"key": "title", "match": {"text": "WHITE matter"}},
        {"must_not": [{"key": "title", "match": {"prefix": "A"}}, {"key": "title", "match": {"substring": " of "}}]},
    ],
)
def test_other_conditions(client: httpx2.Client, index: Index, scifact: Scifact, wanted: dict[str, Any]) -> None:
    assert 0 < count(client, {"filter": wanted}).count == index.count(wanted) < len(index)
    answer = ask(client, query=scifact.query(0), filter=wanted)
    assert pairs(answer) == expected(index.search(scifact.query(0), filter=wanted))


def test_a_wrong_filter_of_a_batch(client: httpx2.Client, scifact: Scifact) -> None:
    right = {"query": scifact.query(0)}
    searches = [right, right | {"filter": {"must": [{"key": "n_cars", "range": {"gt": 1}}]}}]
    found = problem(client.post("/v1/collections/scifact/search/batch", json={"searches": searches}), 422)
    assert found.errors[0].pointer == "#/searches/1/filter/must/0/key"


def test_a_deep_filter(client: httpx2.Client) -> None:
    deep = '{"must":[' * 500 + "]}" * 500
    url, headers = "/v1/collections/scifact/count", {"content-type": "application/json"}
    found = problem(client.post(url, content=f'{{"filter": {deep}}}', headers=headers), 422)
    assert found.detail.startswith("filter: found more than 8 levels of conditions")
