"""Lower bounds of the k-th score, against a sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels import kth
from seismic.kernels.jit import jit

SCORES = st.lists(
    st.one_of(st.just(0.0), st.floats(2.0**-60, 2.0**20, width=32), st.floats(4, 8, width=32)), max_size=150
)


@jit
def keep_all(found: kth.KthScore, k: int, scores: np.ndarray, bounds: np.ndarray) -> None:
    for entry in range(len(scores)):
        kth.keep(found, k, scores[entry])
        bounds[entry] = kth.lower_bound(found, k)


@given(rounds=st.lists(st.tuples(SCORES, st.sampled_from([1, 3, 32, 33, 60, 100]), st.sampled_from([0.0, 8.0, 1e6]))))
def test_bounds_are_below_the_kth_score(rounds: list[tuple[list[float], int, float]]) -> None:
    found = kth.make_kth_score()
    for scores, k, most in rounds:  # nothing is left of earlier rounds
        offered, bounds = np.array(scores, np.float32), np.full(len(scores), np.nan, np.float32)
        kth.forget(found, np.float32(most))
        keep_all(found, k, offered, bounds)
        for size in range(1, len(scores) + 1):
            largest = np.sort(offered[:size])[::-1]
            expected = largest[k - 1] if size >= k else 0.0
            assert bounds[size - 1] <= expected
            if k <= kth.FEW:
                assert bounds[size - 1] == expected
            elif expected <= most and expected > most / 60:
                assert bounds[size - 1] >= expected * (1 - 2.0**-9)
