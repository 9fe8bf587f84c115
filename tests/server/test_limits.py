"""Limits on rate, size and time; clients that disconnect."""

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from seismic import Index
from seismic.documents.table import Documents
from seismic.stop import current
from seismic_server import Settings, create_app
from seismic_server.access import limits
from seismic_server.access.limits import Rates
from seismic_server.http import middleware
from seismic_server.process.server import stop_requests

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}


def test_a_bucket_fills_again(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    rates = Rates(per_second=2, burst=3)
    assert [rates.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert rates.take("b") == 0
    now[0] += 0.25
    assert rates.take("a") == 0.25
    now[0] += 0.25
    assert rates.take("a") == 0
    now[0] += 1000
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_old_buckets_are_dropped(monkeypatch):
    monkeypatch.setattr(limits, "MOST_CALLERS", 2)
    rates = Rates(per_second=0.001, burst=1)
    assert [rates.take(one) == 0 for one in "abca"] == [True, True, True, True]
    assert rates.take("c") > 0


def test_without_a_limit_there_are_no_buckets():
    rates = Rates(per_second=0, burst=1)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0]


async def test_too_many_requests(running, tiny):
    async with running(tiny, rate_limit=0.01, rate_burst=2) as client:
        assert [(await client.get("/v1/collections")).status_code for _ in range(2)] == [200, 200]
        refused = await client.post(URL, json=BODY)
        assert problem(refused, 429).type == "urn:problem-type:seismic:rate-limit"
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"indices": list(range(5)), "values": [1.0] * 5},
        {"tokens": {f"token{number}": 1.0 for number in range(5)}},
    ],
)
async def test_too_many_components(running, tiny, query):
    async with running(tiny, max_components=4) as client:
        found = problem(await client.post(URL, json={"query": query}), 422)
        assert "found 5, expected at most 4 (setting max_components)" in found.detail


async def test_a_late_body_is_refused(running, tiny):
    async def chunks():
        yield b'{"query":'
        await asyncio.sleep(3600)

    async with running(tiny, receive_seconds=0.2) as client:
        response = await client.post(URL, content=chunks(), headers={"content-type": "application/json"})
        assert "(setting receive_seconds)" in problem(response, 408).detail
        assert response.headers["connection"] == "close"


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make searches run until they are stopped. The event is set once one has started."""
    began = threading.Event()

    def ask(*arguments: Any) -> None:
        began.set()
        while True:
            current().check()
            time.sleep(0.001)

    monkeypatch.setattr(Index, "search_many", ask)
    return began


@pytest.mark.parametrize(("setting", "params"), [(50, {}), (3_600_000, {"timeout_ms": 50})])
async def test_a_deadline(running, tiny, endless, setting, params):
    async with running(tiny, timeout_ms=setting) as client:
        found = problem(await client.post(URL, json=BODY | {"params": params}), 504)
        assert found.type == "urn:problem-type:seismic:deadline"
        assert "not done within the deadline of 50 ms" in found.detail
        assert (await client.get("/healthz")).status_code == 200


async def test_the_deadline_includes_reading_payloads(running, tiny, monkeypatch):
    def slow(*arguments: Any) -> dict[str, Any]:
        time.sleep(0.2)
        return {}

    monkeypatch.setattr(Documents, "_payload", slow)
    body = BODY | {"with_payload": True}
    async with running(tiny) as client:
        assert (await client.post(f"{URL}/batch", json={"searches": [body] * 2})).status_code == 200
        body |= {"params": {"timeout_ms": 200}}
        problem(await client.post(f"{URL}/batch", json={"searches": [body] * 2}), 504)


async def test_the_deadline_includes_waiting(running, tiny, endless):
    async with running(tiny, threads=1, timeout_ms=300) as client:
        answers = await asyncio.gather(*(client.post(URL, json=BODY) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [504] * 3


SCOPE = {
    "type": "http",
    "method": "POST",
    "path": URL,
    "raw_path": URL.encode(),
    "query_string": b"",
    "client": None,
    "headers": [(b"content-type", b"application/json")],
}


async def test_a_client_that_disconnects_early_is_not_a_failure(tiny):
    app, sent = create_app(Settings(directory=tiny)), []

    async def send(message: Any) -> None:
        sent.append(message)

    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
    messages.put_nowait({"type": "http.disconnect"})
    await app({**SCOPE}, messages.get, send)
    assert sent[0]["status"] == 499


async def test_a_search_ends_when_its_client_disconnects(tiny, endless, monkeypatch):
    monkeypatch.setattr(middleware, "WATCH_SECONDS", 0.01)
    app = create_app(Settings(directory=tiny, timeout_ms=3_600_000))
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with app.router.lifespan_context(app):
        async with asyncio.timeout(120):
            while any(one.state != "ready" for one in app.state.service.collections):
                await asyncio.sleep(0.01)
        messages.put_nowait({"type": "http.request", "body": json.dumps(BODY).encode(), "more_body": False})
        request = asyncio.create_task(app({**SCOPE}, messages.get, send))
        await asyncio.to_thread(endless.wait)
        assert not request.done()
        messages.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(request, 120)
    assert sent[0]["status"] == 499
    assert not app.state.service.running


async def test_a_request_that_a_shutdown_stops_is_refused_as_new_ones_are(running, tiny, endless):
    async with running(tiny, timeout_ms=3_600_000) as client:
        request = asyncio.create_task(client.post(URL, json=BODY))
        await asyncio.to_thread(endless.wait)
        stop_requests(client._transport.app.state.service)
        answer = await asyncio.wait_for(request, 120)
    found = problem(answer, 503)
    assert found.type == "urn:problem-type:seismic:draining"
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900_000,
        b'{"query":' * 100_000,
        b'{"query": {"indices": [' + b"1," * 400_000 + b"1], " + b'"values": [1]}}',
        b'{"query": {"tokens": {' + b",".join(b'"%d": 1' % number for number in range(60_000)) + b"}}}",
        b'{"query": {"tokens": {"' + b"a" * 1_000_000 + b'": 0}}}',
        b'{"query": {"indices": [], "values": []}, "with_payload": [' + b'"x",' * 200_000 + b'"x"]}',
    ],
    ids=["brackets", "objects", "indices", "tokens", "long token", "columns"],
)
def test_hostile_bodies_are_refused_and_leave_nothing_behind(client, server, body):
    """Send many of each kind: the process does not grow after the first ones."""
    import psutil

    process, sizes = psutil.Process(server.process.pid), []
    for _ in range(4):
        for _ in range(5):
            response = client.post(
                "/v1/collections/scifact/search", content=body, headers={"content-type": "application/json"}
            )
            assert problem(response, response.status_code).status in (400, 413, 422)
        sizes.append(process.memory_info().rss)
    assert sizes[-1] < sizes[0] + (64 << 20)
