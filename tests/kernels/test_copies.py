from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from seismic.builder.impacts import find_impacts
from seismic.kernels.copies import find_above_maxima, find_invalid, find_unlike_impacts
from seismic.kernels.maxima import Maxima
from seismic.vectors import SparseVectors
from tests import samples

VECTORS = samples.random_vectors(50, dimension=40)
ROWS = [dict(zip(*(array.tolist() for array in VECTORS[row]), strict=True)) for row in range(len(VECTORS))]


def changed(array: npt.NDArray[Any], place: int, value: Any) -> npt.NDArray[Any]:
    array = array.copy()
    array[place] = value
    return array


def row_of(entry: int) -> int:
    return int(np.searchsorted(VECTORS.indptr, entry, side="right")) - 1


def test_vectors_that_break_a_rule() -> None:
    indptr, components, values = samples.csr(VECTORS)
    assert find_invalid(indptr, components, values, 40) == -1
    assert find_invalid(indptr, components, values, int(components.max())) == row_of(int(np.argmax(components)))
    assert find_invalid(np.zeros(1, np.int64), components[:0], values[:0], 0) == -1
    second = int(VECTORS.indptr[7]) + 1
    assert find_invalid(indptr, changed(components, second, components[second - 1]), values, 40) == 7
    for value in (0, -1, np.nan):
        assert find_invalid(indptr, components, changed(values, second, value), 40) == 7


@pytest.mark.parametrize("dense", [[], range(40), range(0, 40, 3)])
def test_maxima(dense: Any) -> None:
    maxima = samples.maxima(ROWS, 40, dense)

    def first(maxima: Maxima, vectors: SparseVectors = VECTORS) -> int:
        seen, size = np.zeros(40, np.int64), 20
        for start in range(0, len(vectors), size):
            part = vectors.slice(start, min(start + size, len(vectors)))
            found = find_above_maxima(maxima, 1, start, part.indptr, part.components, part.values, seen)
            if found >= 0:
                return int(found)
        return -1

    assert first(maxima) == -1
    for entry in range(0, VECTORS.nnz, 17):  # a value above its maximum
        values = changed(VECTORS.values, entry, 1e9)
        assert first(maxima, SparseVectors.trusted(VECTORS.indptr, VECTORS.components, values, 40)) == row_of(entry)
    assert first(maxima._replace(codes=maxima.codes // 2)) >= 0
    if len(maxima.blocks):
        assert first(maxima._replace(blocks=changed(maxima.blocks, 0, maxima.blocks[0] + 1))) >= 0
        assert first(maxima._replace(blocks=np.zeros_like(maxima.blocks))) >= 0


def test_impacts() -> None:
    forward = samples.forward(VECTORS)
    impacts = find_impacts(forward, 40)
    fine = forward.codes.astype(np.int64) * 256 + forward.residuals

    def first(*changes: Any, **arrays: Any) -> int:
        seen = np.zeros(40, np.int64)
        given = (VECTORS.indptr, VECTORS.components, changed(fine, *changes) if changes else fine)
        return int(find_unlike_impacts(impacts._replace(**arrays), 1, 0, *given, seen))

    assert first() == -1
    for entry in range(0, VECTORS.nnz, 17):
        assert first(entry, fine[entry] + 1) == row_of(entry)
    for posting in range(0, VECTORS.nnz, 17):
        assert first(positions=changed(impacts.positions, posting, impacts.positions[posting] + 1)) >= 0
        assert first(values=changed(impacts.values, posting, impacts.values[posting] + 1)) >= 0
    assert first(ends=impacts.ends * 0) >= 0
