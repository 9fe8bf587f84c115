from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import BuildParams, ParameterError
from seismic.builder import plan
from seismic.builder.plan import PER_DOCUMENT, PROCESS, plan_shards, shard_bytes
from seismic.layouts import LAYOUTS, Layout
from tests.samples import random_vectors

VECTORS = random_vectors(300)
FIXED = PROCESS + PER_DOCUMENT * len(VECTORS)
PARAMS = BuildParams()


def cost(first: int, last: int) -> int:
    values = int(VECTORS.indptr[last] - VECTORS.indptr[first])
    return shard_bytes(last - first, values, VECTORS.dimension, LAYOUTS["shared"])


ALL = cost(0, len(VECTORS))


def test_without_a_memory_limit_the_number_of_shards_is_as_given() -> None:
    assert plan_shards(VECTORS, PARAMS, 3, 1).ranges == [(0, 100), (100, 200), (200, 300)]
    assert plan_shards(VECTORS, PARAMS, 3, 2)[1:] == (2, 1)
    assert plan_shards(VECTORS, PARAMS, 2, 7)[1:] == (2, 3)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(ALL // 3, 3 * ALL))
def test_shards_and_those_at_once_stay_within_memory(shards: int, workers: int, left: int) -> None:
    found = plan_shards(VECTORS, PARAMS, shards, workers, FIXED + left)
    assert len(found.ranges) >= shards
    assert [found.ranges[0][0], found.ranges[-1][1]] == [0, len(VECTORS)]
    assert all(one[1] == other[0] for one, other in pairwise(found.ranges))
    most = max(cost(*span) for span in found.ranges)
    assert most * found.side_by_side <= left
    assert found.side_by_side * found.threads <= workers or found.side_by_side == 1
    assert found.ranges == plan_shards(VECTORS, PARAMS, shards, 1, FIXED + left).ranges


def test_no_more_shards_than_memory_needs() -> None:
    assert len(plan_shards(VECTORS, PARAMS, 1, 1, FIXED + ALL).ranges) == 1
    assert len(plan_shards(VECTORS, PARAMS, 1, 1, FIXED + ALL - 1).ranges) == 2


def test_memory_that_is_too_little_names_what_would_do() -> None:
    with pytest.raises(ParameterError, match=r"memory is 1 MB, expected at least \d+ MB"):
        plan_shards(VECTORS, PARAMS, 1, 1, 1_000_000)


def test_shards_hold_no_more_values_than_arrow_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_OFFSET", VECTORS.nnz // 3)
    found = plan_shards(VECTORS, PARAMS, 1, 1, FIXED + ALL)
    assert max(VECTORS.indptr[last] - VECTORS.indptr[first] for first, last in found.ranges) <= VECTORS.nnz // 3


@pytest.mark.parametrize("layout", ["shared", "small", "full", "lists"])
def test_documents_without_values_count_and_wide_components_count_more(layout: Layout) -> None:
    documents, values = 10**6, 10**8
    narrow, wide = (
        shard_bytes(documents, values, dimension, LAYOUTS[layout]) for dimension in (1 << 16, (1 << 16) + 1)
    )
    assert values * 3 < wide - narrow < values * 4
    assert shard_bytes(documents, 0, 1, LAYOUTS[layout]) >= 100 * documents
