"""Short searches are answered on the event loop, others on the pool's threads."""

import threading
from typing import Any

import pytest

import seismic
from seismic import Index
from seismic_server import costs
from seismic_server.costs import TRUSTED, Costs, is_plain, is_short
from seismic_server.schemas.search import SearchRequest

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
PLAIN: dict[str, Any] = {"query": {"indices": [1], "values": [1.0]}}


def request(**fields: Any) -> SearchRequest:
    return SearchRequest.model_validate(PLAIN | fields)


@pytest.fixture
def tiny_index(tiny):
    with seismic.open(tiny / "tiny") as index:
        yield index


@pytest.fixture
def spent(monkeypatch):
    """The cost of the thread so far, set by the test, in seconds."""
    spent = [0.0]
    monkeypatch.setattr(costs, "spent", lambda: spent[0])
    return spent


def search(costs: Costs, index: Index, spent: list[float], seconds: float, times: int, **fields: Any) -> None:
    for _ in range(times):
        began = spent[0]
        spent[0] += seconds
        costs.add(costs.key_of(index, request(**fields)), began)


def expects_short(costs: Costs, index: Index, **fields: Any) -> bool:
    return costs.expects_short(costs.key_of(index, request(**fields)))


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        ({}, True),
        ({"limit": 90, "offset": 10, "with_payload": False}, True),
        ({"params": {"recall": 0.9}}, True),
        ({"query": {"tokens": {"a": 1.0}}}, True),
        ({"query": {"text": "a"}}, False),
        ({"query": {"id": "a"}}, False),
        ({"query": {"indices": list(range(300)), "values": [1.0] * 300}}, False),
        ({"limit": 101}, False),
        ({"filter": {"must": []}}, False),
        ({"filter": {}}, False),
        ({"idf_filter": {"must": []}}, False),
        ({"facets": [{"key": "year"}]}, False),
        ({"group_by": {"key": "year"}}, False),
        ({"feedback": {}}, False),
        ({"explain": True}, False),
        ({"params": {"plan": "lists"}}, False),
        ({"params": {"heap_factor": 0.1}}, False),
    ],
)
def test_plain_searches(fields, plain):
    search = request(**fields)
    assert (is_plain(search) and is_short(search.query)) is plain


def test_listings_are_not_plain():
    assert not is_short(SearchRequest.model_validate({"limit": 5}).query)


def test_a_cost_is_trusted_once_seen_often_enough(tiny_index, spent):
    costs = Costs(most=100)
    search(costs, tiny_index, spent, 50e-6, TRUSTED - 1)
    assert not expects_short(costs, tiny_index)
    search(costs, tiny_index, spent, 50e-6, 1)
    assert expects_short(costs, tiny_index)
    assert not expects_short(costs, tiny_index, limit=100), "larger searches have a mean of their own"
    assert not expects_short(costs, tiny_index, explain=True)


def test_long_searches_go_to_threads_until_they_are_short(tiny_index, spent):
    costs = Costs(most=100)
    search(costs, tiny_index, spent, 50e-6, TRUSTED)
    search(costs, tiny_index, spent, 10e-3, 1)
    assert not expects_short(costs, tiny_index)
    search(costs, tiny_index, spent, 50e-6, 60)
    assert expects_short(costs, tiny_index)


def test_zero_keeps_everything_on_threads(tiny_index, spent):
    costs = Costs(most=0)
    search(costs, tiny_index, spent, 0.0, 2 * TRUSTED)
    assert not expects_short(costs, tiny_index)


def test_means_are_bounded(tiny_index, spent, monkeypatch):
    monkeypatch.setattr(costs, "MOST_MEANS", 3)
    measured = Costs(most=100)
    for limit in (1, 2, 4, 8):
        search(measured, tiny_index, spent, 50e-6, TRUSTED, limit=limit)
    assert [expects_short(measured, tiny_index, limit=limit) for limit in (1, 2, 4, 8)] == [False] * 3 + [True]


async def test_the_answer_is_the_same_on_the_event_loop(tiny, running, monkeypatch):
    threads, search_many = [], Index.search_many

    def recorded(self: Index, *arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return search_many(self, *arguments)

    monkeypatch.setattr(Index, "search_many", recorded)
    async with running(tiny, inline_us=10**9) as client:
        answers = [(await client.post(URL, json=PLAIN)).json() for _ in range(TRUSTED + 3)]
        refused = await client.post(URL, json=PLAIN | {"with_payload": ["colour"]})
    assert [thread is threading.current_thread() for thread in threads] == [False] * TRUSTED + [True] * 3
    for answer in answers:
        assert answer | {"took_ms": 0} == answers[0] | {"took_ms": 0}
    assert [hit["id"] for hit in answers[0]["hits"]] == ["a", "b"]
    assert refused.status_code == 422
