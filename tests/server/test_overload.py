"""Overload: which requests are refused, when, and how they are logged."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
import structlog

from seismic import Index
from seismic_server.access import admission
from seismic_server.access.keys import create_key
from seismic_server.observe import throttle
from seismic_server.observe.throttle import LogThrottle
from seismic_server.process.server import CUT_SECONDS

from .conftest import PATIENCE
from .test_metrics import values
from .test_problems import problem

pytestmark = pytest.mark.anyio

COLLECTION = "/v1/collections/tiny"
URL = f"{COLLECTION}/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}
OVERLOADED = "urn:problem-type:seismic:overloaded"

Full = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def full(running, tiny, monkeypatch: pytest.MonkeyPatch) -> Full:
    """`async with full(**settings) as client`: its thread is busy until the block ends, and its queue is full."""
    search, started, release = Index.search_many, threading.Event(), threading.Event()

    def ask(*arguments: Any, **options: Any) -> Any:
        started.set()
        assert release.wait(PATIENCE)
        return search(*arguments, **options)

    @asynccontextmanager
    async def enter(headers: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
        async with running(tiny, threads=1, queue=0, **settings) as client:
            first = asyncio.create_task(client.post(URL, json=BODY, headers=headers))
            await asyncio.to_thread(started.wait)
            try:
                yield client
            finally:
                release.set()
                assert (await first).status_code == 200

    monkeypatch.setattr(Index, "search_many", ask)
    return enter


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send refusals without delay."""
    monkeypatch.setattr(admission, "MOST_HELD", 0)


@pytest.mark.parametrize("path", [URL, f"{URL}/batch", f"{COLLECTION}/count"])
async def test_searches_are_refused_before_their_body_arrives(full: Full, at_once: None, path: str):
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("was read")
        yield b""

    async with full() as client:
        refused = await client.post(path, content=body(), headers={"x-request-id": "mine"})
    found = problem(refused, 503)
    assert (found.type, found.instance, found.request_id) == (OVERLOADED, path, "mine")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-request-id"] == "mine"


async def test_nothing_else_is_refused(full: Full):
    async with full() as client:
        for path in ("/healthz", "/readyz", "/metrics", "/v1/collections", COLLECTION, "/openapi.json"):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.post(f"{COLLECTION}:reload")).status_code == 200
        assert (await client.get(URL)).status_code == 405


async def test_a_missing_key_is_reported_during_overload(full: Full, at_once: None, tmp_path):
    keys = tmp_path / "keys.json"
    good = {"Authorization": f"Bearer {create_key(keys, 'one', 'admin')}"}
    async with full(good, keys_file=keys) as client:
        assert problem(await client.post(URL, json=BODY), 401).type.endswith(":unauthorized")
        assert problem(await client.post(URL, json=BODY, headers=good), 503).type == OVERLOADED


async def test_refusals_are_delayed_up_to_a_number(full: Full, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admission, "MOST_HELD", 1)
    monkeypatch.setattr(admission, "HOLD_SECONDS", (0.01, 0.02))
    held, let_go = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert 0.01 <= seconds <= 0.02
        held.set()
        await let_go.wait()

    async with full() as client:
        with monkeypatch.context() as patch:
            patch.setattr(admission.asyncio, "sleep", sleep)
            waiting = asyncio.create_task(client.post(URL, json=BODY))
            await held.wait()
            problem(await client.post(URL, json=BODY), 503)
            assert not waiting.done()
        let_go.set()
        assert problem(await waiting, 503).type == OVERLOADED
        assert problem(await client.post(URL, json=BODY), 503).type == OVERLOADED  # a delayed refusal has left


def test_delays_are_shorter_than_the_shutdown():
    least, most = admission.HOLD_SECONDS
    assert 0 < least < most < CUT_SECONDS


async def test_all_refusals_are_counted_and_few_logged(full: Full, at_once: None):
    with structlog.testing.capture_logs() as lines:
        async with full() as client:
            for number in range(7):
                await client.post(URL, json=BODY, headers={"x-request-id": f"refused-{number}"})
            await client.get("/nope")
            found = await values(client)
    assert found["seismic_rejections_total", "overloaded"] == 7
    assert found["seismic_request_seconds_count", URL.replace("tiny", "{name}"), "503"] == 7
    logged = [line for line in lines if line.get("status") == 503 and line["path"] == URL]
    told = [line for line in lines if line["event"] == "more requests refused"]
    assert len(logged) + sum(line["requests"] for line in told) == 7
    assert {line["problem"] for line in told} <= {"overloaded"}
    assert len([line for line in lines if line.get("status") == 404]) == 1


async def test_a_flood_is_logged_every_second(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttle, "SECONDS", 0.01)
    some = LogThrottle()
    assert not some.hides(None)
    assert not some.hides("404")
    assert not some.hides("404")
    with structlog.testing.capture_logs() as lines:
        assert [some.hides(one) for one in ("overloaded", "rate-limit", "overloaded", "overloaded")] == [False] * 2 + [
            True
        ] * 2
        async with asyncio.timeout(PATIENCE):
            while not lines:
                await asyncio.sleep(0.01)
        assert lines == [
            {"event": "more requests refused", "problem": "overloaded", "requests": 2, "log_level": "warning"}
        ]
        assert not some.hides("overloaded")
        some.close()
        assert len(lines) == 1  # and no further line
