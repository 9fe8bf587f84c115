import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.measure.recall import estimate, shares_found


def answers(unique: bool) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(st.integers(0, 30), max_size=6, unique=unique), min_size=1, max_size=5)


def padded(rows: list[list[int]]) -> np.ndarray:
    return np.array([[*row, *[-1] * (6 - len(row))] for row in rows])


@given(answers(unique=False), answers(unique=True))
def test_shares_are_set_overlaps(found: list[list[int]], exact: list[list[int]]) -> None:
    rows = min(len(found), len(exact))
    pairs = list(zip(found[:rows], exact[:rows], strict=True))
    expected = [len(set(some) & set(best)) / len(best) for some, best in pairs if best]
    assert shares_found(padded(found[:rows]), padded(exact[:rows])).tolist() == expected


def test_bounds_of_shares_that_are_all_one() -> None:
    recall = estimate(np.ones(1000))
    assert (recall.mean, recall.upper) == (1.0, 1.0)
    assert recall.lower == pytest.approx(1 - 2.65 / 1000, abs=1e-4)  # the rule of three says 1 - 3 / n


@pytest.mark.parametrize("shares", [[0.0], [0.5], [1.0], [0.2, 0.9]])
def test_few_queries_prove_little(shares: list[float]) -> None:
    recall = estimate(np.array(shares))
    assert 0 <= recall.lower < recall.mean <= recall.upper <= 1 or recall.mean == 0
    assert recall.upper - recall.lower > 0.5


@pytest.mark.parametrize("size", [50, 200, 1000])
def test_bounds_hold_as_often_as_they_say(size: int) -> None:
    """Shares as skewed as those of a search that finds 97 %."""
    rng = np.random.default_rng(size)
    shares = 1 - rng.choice([0, 0.1, 0.2, 0.3, 1.0], 100_000, p=[0.808, 0.13, 0.04, 0.012, 0.01])
    estimates = [estimate(rng.choice(shares, size)) for _ in range(2000)]
    above = np.mean([recall.lower <= shares.mean() for recall in estimates])
    below = np.mean([recall.upper >= shares.mean() for recall in estimates])
    assert above >= 0.94
    assert below >= 0.94
