import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.threads import even_ranges, in_order


@given(st.lists(st.integers()), st.integers(1, 4))
def test_results_come_in_the_order_of_items(items: list[int], threads: int) -> None:
    assert list(in_order(lambda item: item + 1, items, threads)) == [item + 1 for item in items]


def test_threads_work_side_by_side() -> None:
    together = threading.Barrier(3, timeout=600)
    assert len(set(in_order(lambda _: together.wait(), range(3), 3))) == 3


@pytest.mark.parametrize("threads", [1, 2])
def test_errors_come_through(threads: int) -> None:
    results: Iterator[float] = in_order(lambda item: 1 / item, [1, 2, 0, 4], threads)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_few_results_wait_for_their_turn() -> None:
    started: list[int] = []
    results = in_order(started.append, range(100), 2)
    for taken in range(1, 20):
        next(results)
        assert len(started) <= taken + 2 * 2


@given(st.integers(0, 200), st.integers(0, 50))
def test_ranges_cover_all_evenly(count: int, parts: int) -> None:
    ranges = even_ranges(count, parts)
    assert [number for first, last in ranges for number in range(first, last)] == list(range(count))
    lengths = [last - first for first, last in ranges]
    assert max(lengths) - min(lengths) <= 1
    assert len(ranges) == max(1, min(parts, count))
