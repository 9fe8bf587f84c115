"""The k best documents, collected and thinned out, against a full sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels.best import key_of, make_best, room_for, score_of, sort_descending, thin_out, write_best

SCORES = st.one_of(
    st.floats(2.0**-100, 2.0**100, width=32),
    st.sampled_from([1.0, np.float32(1 + 2**-23), np.float32(1 - 2**-24), 3.0]).map(float),
)


def best_of(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (scores, numbers) [k] of documents 0 .. len(scores) - 1, collected as searches do."""
    best, count, least = make_best(room_for(k, 0)), 0, np.float32(0)
    for number, score in enumerate(scores):
        if score >= least:
            best.keys[count] = key_of(score, number)
            count += 1
        if count == len(best.keys):
            count, least = thin_out(best, count, k)
            assert k <= count < 2 * k
            assert np.count_nonzero(scores[: number + 1] >= least) >= k
    found, numbers = np.empty(k, np.float32), np.empty(k, np.int64)
    write_best(best, count, found, numbers)
    return found, numbers


def check(scores: np.ndarray, k: int) -> None:
    found, numbers = best_of(scores, k)
    order = np.lexsort((np.arange(len(scores)), -scores.astype(np.float64)))[:k]
    np.testing.assert_array_equal(numbers[: len(order)], order)
    np.testing.assert_array_equal(found[: len(order)], scores[order])
    assert (numbers[len(order) :] == -1).all()
    assert (found[len(order) :] == 0).all()


@pytest.mark.parametrize("k", [1, 10, 700])
@pytest.mark.parametrize("kind", ["random", "ascending", "few values", "one value", "orders of magnitude"])
def test_many_documents(k: int, kind: str) -> None:
    rng = np.random.default_rng(k)
    scores = {
        "random": rng.random(6000) + 1e-6,
        "ascending": np.arange(1, 6001) / 7,
        "few values": rng.integers(1, 4, 6000),
        "one value": np.full(6000, 2.5),
        "orders of magnitude": 10.0 ** rng.integers(-30, 30, 6000),
    }[kind]
    check(scores.astype(np.float32), k)


@given(scores=st.lists(SCORES, max_size=60), k=st.integers(1, 70))
def test_few_documents(scores: list[float], k: int) -> None:
    check(np.array(scores, np.float32), k)


@given(score=SCORES, number=st.integers(0, 2**32 - 1))
def test_keys_hold_scores(score: float, number: int) -> None:
    assert score_of(key_of(np.float32(score), number)) == np.float32(score)


@given(values=st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_any_keys_are_sorted(values: list[int]) -> None:
    best = make_best(50)
    best.keys[: len(values)] = values
    sort_descending(best, len(values))
    assert best.keys[: len(values)].tolist() == sorted(values, reverse=True)
