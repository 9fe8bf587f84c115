import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels.constants import BLOCK
from seismic.kernels.pack import FULL, PACKING_WINDOW, pack_blocks
from tests import naive, samples
from tests.naive import Row


def packed(vectors: SparseVectors, order: list[int]) -> list[int]:
    result = np.full(len(order), -1).astype(np.uint32)
    pack_blocks(*samples.csr(vectors), np.array(order, np.uint32), vectors.dimension, 0, len(order), result)
    return result.tolist()


def packed_naively(vectors: SparseVectors, window: list[int]) -> list[int]:
    rows = naive.rows(vectors)
    return [window[place] for place in naive.pack([rows[number] for number in window], BLOCK, FULL)]


@given(samples.sparse_vectors(samples.eighths, max_size=40), st.data())
def test_each_document_goes_where_the_squared_mass_grows_least(vectors: SparseVectors, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(vectors))))
    assert packed(vectors, order) == packed_naively(vectors, order)


def test_windows_are_packed_one_by_one() -> None:
    rng = np.random.default_rng(5)
    rows: list[Row] = [
        {int(c): float(rng.integers(1, 64)) / 8 for c in sorted(rng.choice(40, 3, replace=False))}
        for _ in range(PACKING_WINDOW + 3 * BLOCK + 1)
    ]
    vectors, order = SparseVectors.from_dicts(rows), rng.permutation(len(rows)).tolist()
    expected = packed_naively(vectors, order[:PACKING_WINDOW]) + packed_naively(vectors, order[PACKING_WINDOW:])
    assert packed(vectors, order) == expected


def test_extreme_values_fill_all_blocks() -> None:
    vectors = SparseVectors.from_dicts([{0: 1e15, 1: 1e-15}, {0: 1e15}, {1: 1e-15}, {}] * 5)
    assert sorted(packed(vectors, list(range(20)))) == list(range(20))
