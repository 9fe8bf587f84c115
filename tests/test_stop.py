"""Deadlines, and searches that another thread stops."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import seismic
from seismic import DeadlineError, Index, SearchParams, StoppedError
from seismic.stop import Stop, stoppable_by, time_limit
from tests import samples

QUERY = {"indices": [0, 1], "values": [1.0, 2.0]}
ENDLESS = samples.random_vectors(200_000, per_vector=10, empty=0)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("stop") / "index"
    seismic.build(samples.random_vectors(3000, per_vector=10), folder, params=seismic.BuildParams(layout="lists"))
    return seismic.open(folder)


def many(index: Index, params: SearchParams, threads: int = 2) -> None:
    index.search_batch(ENDLESS, 5, params=params, threads=threads)


@pytest.mark.parametrize("search", [lambda index, params: index.search(QUERY, 5, params=params), many])
def test_a_deadline_ends_a_search(index: Index, search: Callable[[Index, SearchParams], object]) -> None:
    stop = Stop()
    stop.after(1, since=time.monotonic() - 1)
    with stoppable_by(stop), pytest.raises(DeadlineError, match=r"not done within the deadline of 1 ms; .* timeout_ms"):
        search(index, SearchParams())


@pytest.mark.parametrize("plan", ["exact", "lists"])
def test_a_search_that_takes_too_long_ends_and_the_next_one_is_right(index: Index, plan: str) -> None:
    params = SearchParams(plan=plan)
    before = index.search(QUERY, 5, params=params)
    with pytest.raises(DeadlineError, match="not done within the deadline of 2 ms"):
        many(index, params.replace(timeout_ms=2))
    assert index.search(QUERY, 5, params=params) == before
    assert index.search(QUERY, 5, params=params.replace(timeout_ms=60_000)) == before


@pytest.mark.parametrize("threads", [1, 2])
def test_another_thread_may_stop_it(index: Index, threads: int) -> None:
    stop = Stop()
    timer = threading.Timer(0.01, stop.set)
    timer.start()
    with stoppable_by(stop), pytest.raises(StoppedError, match="stopped by its caller"):
        many(index, SearchParams(), threads)
    timer.join()


def test_of_nested_deadlines_the_first_counts(index: Index) -> None:
    with time_limit(1), pytest.raises(DeadlineError, match="of 1 ms"):
        many(index, SearchParams(timeout_ms=600_000))
    with time_limit(600_000), pytest.raises(DeadlineError, match="of 1 ms"):
        many(index, SearchParams(timeout_ms=1))


def test_flags_are_set_in_the_order_of_deadlines() -> None:
    stops = [Stop() for _ in range(3)]
    for stop, milliseconds in zip(stops, (600_000, 30, 1), strict=True):
        stop.after(milliseconds)
    while not stops[1].flag[0]:
        time.sleep(0.001)
    assert [int(stop.flag[0]) for stop in stops] == [0, 1, 1]
    stops[0].close()


def test_what_is_closed_is_forgotten() -> None:
    stop = closed_in_time()
    later = Stop()
    later.after(20)
    while not later.flag[0]:
        time.sleep(0.001)
    assert time.monotonic() > stop.deadline
    assert not stop.flag[0]


def closed_in_time() -> Stop:
    """Return a Stop that was closed before its deadline of 5 ms, which a busy machine does not reach each time."""
    while True:
        stop = Stop()
        stop.after(5)
        stop.close()
        if not stop.flag[0]:
            return stop


def test_a_recall_may_have_a_deadline() -> None:
    assert SearchParams(recall=0.9, timeout_ms=50).timeout_ms == 50


def test_a_deadline_may_pass_before_the_search(tmp_path: Path) -> None:
    index = samples.opened(tmp_path, [{0: 1.0}])
    with time_limit(1):
        time.sleep(0.01)
        with pytest.raises(DeadlineError):
            index.search(QUERY)
    assert index.search(QUERY)
