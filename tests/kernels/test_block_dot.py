from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import block_dot, signature
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, make_query_table
from seismic.kernels.shared import Shared, own_span
from tests import naive, samples
from tests.kernels.conftest import needs

Form = tuple[Callable[..., float], Callable[..., None], Callable[..., None]]


@jit
def rows_by_signature(*arguments: Any) -> float:
    return block_dot._add_rows_by_signature(*arguments)  # type: ignore[no-any-return]


@jit
def own_by_signature(*arguments: Any) -> None:
    block_dot._add_own_by_signature(*arguments)


FORMS = [
    pytest.param((block_dot._add_rows_by_matches, block_dot._add_own_by_matches, signature.mark), id="matches"),
    pytest.param((rows_by_signature, own_by_signature, signature.MARKS["avx512"]), id="avx512", marks=needs("avx512")),
]


def table_of(query: dict[int, float], mark: Callable[..., None], dimension: int) -> QueryTable:
    table = make_query_table(dimension)
    for component, weight in query.items():
        table.weights[component] = weight
        mark(table.signature, np.int64(component))
    return table


def sums_of(shared: Shared, block: int, table: QueryTable, form: Form, codes: Any, own: Any) -> tuple[Any, float]:
    add_rows, add_own, _ = form
    sums = np.full(8, np.nan, np.float32)
    span = tuple(np.int64(start) for start in shared.starts[block : block + 2])
    scales = np.full(8, 1e9, np.float32)
    count = len(shared.scales[block * 8 : block * 8 + 8])
    scales[:count] = shared.scales[block * 8 : block * 8 + 8]
    arguments = (*span, np.int64(shared.code_starts[block]), *table, scales, sums)
    largest = add_rows(shared.components, shared.documents, codes, *arguments)
    span = tuple(np.int64(start) for start in shared.own_starts[block : block + 2])
    ends = shared.own_ends[block * 8 : block * 8 + 8]
    add_own(shared.own_components, own, *span, span[0], ends, *table, sums)
    return sums, largest


@pytest.mark.usefixtures("wrapping_hash")
@pytest.mark.parametrize("form", FORMS)
@given(vectors=samples.sparse_vectors(max_size=30), data=st.data())
def test_sums_of_all_documents_of_a_block(form: Form, vectors: SparseVectors, data: st.DataObject) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    check(vectors, query, form)


@pytest.mark.usefixtures("wrapping_hash")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_vector", [40, 300])
def test_blocks_of_many_rows(form: Form, per_vector: int) -> None:
    vectors = samples.random_vectors(40, dimension=700, per_vector=per_vector, empty=0)
    for query in naive.rows(samples.random_vectors(3, dimension=700, per_vector=50, seed=1, empty=0)):
        check(vectors, query, form)


def check(vectors: SparseVectors, query: dict[int, float], form: Form) -> None:
    shared = samples.shared(vectors)
    table = table_of(query, form[2], vectors.dimension)
    parts = [naive.quantize(list(row.values())) for row in naive.rows(vectors)]
    for block in range(len(shared.starts) - 1):
        for at, (codes, own) in enumerate(((shared.codes, shared.own_codes), (shared.residuals, shared.own_residuals))):
            sums, largest = sums_of(shared, block, table, form, codes, own)
            for document, row in enumerate(naive.rows(vectors)[block * 8 : block * 8 + 8]):
                numerators = dict(zip(row, parts[block * 8 + document][1 + at], strict=True))
                expected = naive.dot(numerators, query)
                size = naive.dot({component: abs(value) for component, value in numerators.items()}, query)
                assert abs(sums[document] - expected) <= 1e-5 * size
            if at == 0:
                assert largest == pytest.approx(naive.dot(tops_of(shared, block), query), rel=1e-5)


@pytest.mark.usefixtures("wrapping_hash")
@pytest.mark.parametrize("form", FORMS)
@given(vectors=samples.sparse_vectors(max_size=30), data=st.data())
def test_own_components_of_some_documents(form: Form, vectors: SparseVectors, data: st.DataObject) -> None:
    (query,) = data.draw(samples.sparse_rows(vectors.dimension, min_size=1, max_size=1))
    shared, table = samples.shared(vectors), table_of(query, form[2], vectors.dimension)
    for block in range(len(shared.starts) - 1):
        mask = data.draw(st.integers(1, 255))
        members, start = [document for document in range(8) if mask >> document & 1], int(shared.own_starts[block])
        ends = shared.own_ends[block * 8 : block * 8 + 8]
        span = span_of(shared, np.int64(block), np.int64(mask))
        starts = [0, *ends.tolist()]
        assert span == (start + starts[members[0]], start + starts[members[-1] + 1])
        whole, part = np.zeros((2, 8), np.float32)
        arguments = (np.int64(start), ends, *table)
        form[1](
            shared.own_components,
            shared.own_codes,
            *map(np.int64, shared.own_starts[block : block + 2]),
            *arguments,
            whole,
        )
        form[1](shared.own_components, shared.own_codes, *map(np.int64, span), *arguments, part)
        np.testing.assert_array_equal(part[members], whole[members])


@jit
def span_of(shared: Shared, block: int, mask: int) -> tuple[int, int]:
    return own_span(shared, block, mask)


def tops_of(shared: Shared, block: int) -> dict[int, float]:
    """Return the largest code x scale of a document for each shared component."""
    tops, place = {}, shared.code_starts[block]
    scales = shared.scales[block * 8 : block * 8 + 8].astype(np.float64)
    for row in range(*shared.starts[block : block + 2]):
        members = np.flatnonzero(np.unpackbits(shared.documents[row], bitorder="little"))
        tops[int(shared.components[row])] = float(max(scales[members] * shared.codes[place : place + len(members)]))
        place += len(members)
    return tops
