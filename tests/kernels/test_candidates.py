"""The initial threshold, and the counting sort of candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels import lists, upper_bounds
from seismic.kernels.candidates import initial_threshold, sort_candidates

KEYS = st.integers(0, 65535)
ALL_STEPS = pytest.mark.parametrize("steps", [lists.STEPS, upper_bounds.STEPS])


@ALL_STEPS
@given(keys=st.lists(KEYS, min_size=1, max_size=80), low=KEYS)
def test_candidates_are_sorted_to_within_one_step(steps: int, keys: list[int], low: int) -> None:
    keys = [max(low, key) for key in keys]
    array, order = np.array(keys, np.uint16), np.empty(len(keys), np.uint32)
    guarded = np.zeros(4 * steps, np.int64)  # writes beyond the histogram show
    sort_candidates(array, len(keys), low, max(keys), guarded[: steps + 1], order)
    assert not guarded[steps + 1 :].any()
    assert sorted(order.tolist()) == list(range(len(keys)))
    ordered = array[order].astype(int)
    best_after = np.maximum.accumulate(ordered[::-1])[::-1]
    assert (best_after - ordered <= (max(keys) - low) / (steps - 1) * 1.001).all()


@ALL_STEPS
def test_equal_candidates_stay_in_their_order(steps: int) -> None:
    order = np.empty(5, np.uint32)
    sort_candidates(np.array([7, 9, 7, 9, 7], np.uint16), 5, 7, 9, np.empty(steps + 1, np.int64), order)
    assert order.tolist() == [1, 3, 0, 2, 4]


@ALL_STEPS
@given(group_maxima=st.lists(KEYS, max_size=80), wanted=st.integers(1, 100))
def test_wanted_groups_reach_the_initial_threshold(steps: int, group_maxima: list[int], wanted: int) -> None:
    array = np.array(group_maxima, np.uint16)
    threshold = initial_threshold(array, len(array), wanted, np.empty(steps + 1, np.int64))
    step = (1 << 16) // steps
    assert threshold % step == 0
    assert threshold == 0 or (array >= threshold).sum() >= wanted
    assert (array >= threshold + step).sum() < wanted  # no higher step does
