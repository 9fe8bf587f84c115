"""The pool of search threads."""

import asyncio
import threading

import pytest
import structlog

from seismic.errors import OverloadedError
from seismic.stop import Stop, current, stoppable_by
from seismic_server.observe.metrics import Metrics
from seismic_server.pool import SearchPool, Threads

pytestmark = pytest.mark.anyio


@pytest.fixture
def pool():
    pool = SearchPool(threads=2, queue=1, metrics=Metrics())
    pool.start()
    yield pool
    pool.shutdown()


async def test_outcomes_are_returned_or_raised(pool):
    assert await pool.run(max, 1, 2, key=lambda number: -number) == 1
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 1, 0)


async def test_calls_run_on_a_thread_in_the_callers_context(pool):
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        thread, context = await pool.run(lambda: (threading.current_thread(), structlog.contextvars.get_contextvars()))
    assert thread is not threading.current_thread()
    assert context == {"request_id": "abc"}


async def test_capacity_is_threads_plus_queue(pool):
    release = threading.Event()
    calls = [asyncio.create_task(pool.run(release.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="3 searches"):
        await pool.run(release.wait)
    release.set()
    await asyncio.gather(*calls)
    assert await pool.run(release.wait)


async def test_a_cancelled_request_keeps_its_place_until_its_thread_ends(pool):
    release, started = threading.Event(), threading.Semaphore(0)

    def call() -> None:
        started.release()
        release.wait()

    calls = [asyncio.create_task(pool.run(call)) for _ in range(2)]
    await asyncio.to_thread(lambda: [started.acquire(), started.acquire()])
    for task in calls:
        task.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    waiting = asyncio.create_task(pool.run(release.wait))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await pool.run(release.wait)
    release.set()
    assert await waiting


async def test_deadlines_are_for_searches_only(pool):
    threads, stop = Threads(1, "other"), Stop()
    with stoppable_by(stop):
        assert await pool.run(current) is stop
        assert await threads.run(current) is not stop
    threads.shutdown()
