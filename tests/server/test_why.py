"""Why documents are not found, over REST."""

import httpx2
import pytest

from seismic import Index
from tests.conftest import Scifact

from .test_problems import problem

URL = "/v1/collections/scifact/why"


def test_why_not(client: httpx2.Client, index: Index, scifact: Scifact) -> None:
    query, wanted = scifact.query(0), {"structured": False}
    ids = [*(hit.id for hit in index.search(query, 12)[-2:]), "nowhere"]
    response = client.post(URL, json={"query": query, "ids": ids, "filter": wanted, "limit": 3})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["generation"] == index.generation
    expected = index.why_not(query, ids, wanted, 3)
    for found, known in zip(answer["documents"], expected, strict=True):
        assert (found["id"], found["state"], found["reason"]) == (known.id, known.state, known.reason)
        assert (found.get("score"), found.get("rank"), found.get("kth")) == (known.score, known.rank, known.kth)
        assert found["excluded_by"] == list(known.excluded_by)
        assert len(found["components"]) == len(known.components)
    assert answer["documents"][-1]["state"] == "missing"
    assert "score" not in answer["documents"][-1]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"ids": []}, "#/ids"),
        ({"ids": "4983"}, "#/ids"),
        ({"ids": [1]}, "ids: found 1, expected a string"),
        ({"limit": 0}, "#/limit"),
        ({"limit": 10_001}, "limit: found 10001, expected at most 10000"),
        ({"filter": {"nope": 1}}, "filter.nope: unknown column 'nope'"),
        ({"query": None}, "#/query"),
        ({"query": {"id": "nope"}}, "found no document 'nope'"),
        ({"k": 3}, "#/k: unknown field"),
        ({"ids": ["4983"] * 1001}, "#/ids"),
    ],
)
def test_wrong_questions(client: httpx2.Client, scifact: Scifact, body: dict[str, object], detail: str) -> None:
    asked = {"query": scifact.query(0), "ids": ["4983"]} | body
    assert detail in problem(client.post(URL, json=asked), 422).detail
