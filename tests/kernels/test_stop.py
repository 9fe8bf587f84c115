"""Stopped searches end early and leave their workspace clean."""

from typing import Any

import numpy as np
import pytest

from seismic.builder.impacts import find_impacts
from seismic.builder.quantize import quantize_vectors
from seismic.kernels import accumulate, exact, scan, traverse
from seismic.kernels.cpu import JIT_DISABLED
from seismic.kernels.lists import make_workspace, padded
from seismic.kernels.topk import Queries, TopK
from tests import naive, samples
from tests.kernels.shards import ALL, SOME_DENSE, alone, shard_of
from tests.kernels.test_traverse import Case

VECTORS = samples.random_vectors(400, per_vector=8)
QUERIES = naive.rows(samples.random_vectors(3, per_vector=6, seed=1, empty=0))
K = 5


class Countdown:
    """A stop flag that reads as set after the first `looks` reads."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def __getitem__(self, place: int) -> int:
        self.looks -= 1
        return self.looks < 0


def search(plan: str, stop: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the document numbers, -7 where none were written, and arrays that must be all 0."""
    numbers, scores = np.full((len(QUERIES), K), -7), np.zeros((len(QUERIES), K), np.float32)
    csr, least_scores = Queries(*samples.queries(QUERIES)), np.zeros(len(QUERIES), np.float32)
    top = TopK(scores, numbers, np.zeros((len(QUERIES), 4), np.int64))
    if plan == "lists":
        case = Case(VECTORS, {})
        blocks = sum(padded(len(list_)) for list_ in case.lists.values())
        lists = make_workspace(VECTORS.dimension, len(VECTORS), blocks)._replace(stop=stop)
        traverse.search_lists_batch(*case.arrays(), csr, samples.COMPONENTS, 1.0, ALL, lists, top)
        return numbers, [lists.visited, lists.weights, lists.estimates, *lists.table]
    shard = shard_of(VECTORS, SOME_DENSE)
    if plan == "accumulate":
        sums = accumulate.make_accumulate_workspace(K)._replace(stop=stop)
        whole = quantize_vectors(VECTORS, np.arange(len(VECTORS), dtype=np.uint32), 1)
        impacts = samples.readonly(find_impacts(whole, VECTORS.dimension))
        accumulate.search_accumulate_batch(impacts, shard.shared, csr, least_scores, ALL, sums, top)
        return numbers, [sums.sums]
    space = shard.workspace()._replace(stop=stop)
    if plan == "scan":
        every = np.packbits(np.ones(len(VECTORS), bool), bitorder="little")
        scan.search_scan_batch(shard.maxima, shard.shared, csr, least_scores, every, space, top)
    else:
        exact.search_exact_batch(shard.maxima, shard.shared, csr, 1.0, 1.0, alone(least_scores, K), ALL, space, top)
    return numbers, [space.scratch.upper_bounds, *space.table]


PLANS = pytest.mark.parametrize("plan", ["exact", "scan", "accumulate", "lists"])


@PLANS
def test_nothing_is_searched_once_the_flag_is_set(plan: str) -> None:
    numbers, zeros = search(plan, np.ones(1, np.uint8))
    assert (numbers == -7).all()
    assert not any(array.any() for array in zeros)


@PLANS
@pytest.mark.skipif(not JIT_DISABLED, reason="compiled kernels read the flag from memory")
def test_wherever_a_search_is_stopped_its_workspace_is_clean(plan: str) -> None:
    whole, _ = search(plan, np.zeros(1, np.uint8))
    looks, left = 0, np.full_like(whole, -7)
    while not (left == whole).all():
        flag = Countdown(looks)
        left, zeros = search(plan, flag)
        assert not any(array.any() for array in zeros), f"stopped at look {looks}"
        written = (left != -7).all(axis=1)
        assert (left[written][:-1] == whole[written][:-1]).all()  # queries before the stopped one are complete
        looks += 1 + looks // 4
    assert looks > len(QUERIES)
