"""Full scores of a block's documents, in each form."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import full_sums, signature
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable
from seismic.kernels.shared import Shared
from tests import naive, samples
from tests.kernels.conftest import needs
from tests.kernels.test_block_dot import table_of

NO_RESIDUALS = np.frombuffer(b"", np.int8)


@jit
def rows_by_signature(*arguments: Any) -> None:
    full_sums._full_rows_by_signature(*arguments)


@jit
def sum_block(shared: Shared, block: int, wanted: int, table: QueryTable, totals: np.ndarray) -> None:
    full_sums.full_sums(shared, block, wanted, table, totals)


def chosen_of(values: Any, wanted: int) -> list[float]:
    return [float(value) for at, value in enumerate(values) if wanted >> at & 1]


@pytest.mark.usefixtures("wrapping_hash")
@pytest.mark.parametrize("residuals", [True, False])
@given(vectors=samples.sparse_vectors(max_size=30), data=st.data())
def test_sums_of_all_components(vectors: SparseVectors, residuals: bool, data: st.DataObject) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    shared, table = samples.shared(vectors), table_of(query, signature.mark, vectors.dimension)
    if not residuals:
        shared = shared._replace(residuals=NO_RESIDUALS, own_residuals=NO_RESIDUALS)
    for block in range(len(shared.starts) - 1):
        documents = naive.stored(naive.rows(vectors)[block * 8 : block * 8 + 8])
        wanted, totals = data.draw(st.integers(1, (1 << len(documents)) - 1)), np.full(8, np.nan)
        sum_block(shared, block, wanted, table, totals)
        scales = shared.scales[block * 8 : block * 8 + 8]
        expected = [naive.dot(row, query) for row in documents]
        tolerance = 0 if residuals else 0.5 * sum(query.values()) * float(scales.max())
        found = chosen_of(totals[: len(scales)] / 256 * scales, wanted)
        np.testing.assert_allclose(found, chosen_of(expected, wanted), rtol=1e-12, atol=tolerance)


@needs("avx512")
@pytest.mark.usefixtures("wrapping_hash")
@given(vectors=samples.sparse_vectors(max_size=30), data=st.data())
def test_both_forms_give_the_same_bits(vectors: SparseVectors, data: st.DataObject) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    shared = samples.shared(vectors)
    tables = [table_of(query, mark, vectors.dimension) for mark in (signature.mark, signature.MARKS["avx512"])]
    forms = (full_sums._full_rows_by_matches, rows_by_signature)
    for block in range(len(shared.starts) - 1):
        wanted, sums = np.int64(data.draw(st.integers(1, 255))), []
        for form, table in zip(forms, tables, strict=True):
            totals = np.full(8, np.nan)
            span = (*map(np.int64, shared.starts[block : block + 2]), np.int64(shared.code_starts[block]))
            form(shared.components, shared.documents, shared.codes, shared.residuals, *span, *table, wanted, totals)
            sums.append(totals.tolist())
        assert sums[0] == sums[1]
