"""Wide vocabularies: number the components that a shard uses from 0, so that costs follow use, not the largest number.

A shard of a vocabulary of up to 65,536 components stores them as they are. Above, it keeps a table of the components it
uses, and stores each as its row in that table. The table is ascending, so the order of components is the same.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.vectors import SparseVectors

NARROW_DIMENSION = 1 << 16
"""Components of vocabularies up to this size have 16 bits, and need no table."""


class UsedComponents:
    """The components that a shard uses: `numbers` uint32 [n], ascending."""

    def __init__(self, numbers: npt.NDArray[np.uint32]) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, components: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return int64 [n], the table row of each component, and bool [n], whether it has one."""
        if len(self.numbers) == 0:
            return np.zeros(len(components), np.int64), np.zeros(len(components), bool)
        rows = np.searchsorted(self.numbers, components)
        known = self.numbers[np.minimum(rows, len(self.numbers) - 1)] == components
        return rows, known

    def renumbered(self, vectors: SparseVectors, dimension: int | None = None) -> SparseVectors:
        """Return vectors with rows of the table in place of components, without components that are not in it.

        `dimension`: that of the result, which sets the type of its components; None: the size of the table.
        """
        rows, known = self.rows(vectors.components)
        indptr, values = vectors.indptr, vectors.values
        if not known.all():
            indptr = np.concatenate([[0], np.cumsum(known)])[indptr]
            rows, values = rows[known], values[known]
        size = len(self) if dimension is None else dimension
        return SparseVectors.trusted(indptr, rows.astype(component_dtype(size)), values, size)


def component_dtype(dimension: int) -> type[np.unsignedinteger[Any]]:
    """Return the type that stores components below `dimension`."""
    return np.uint16 if dimension <= NARROW_DIMENSION else np.uint32


def used_components(vectors: SparseVectors) -> UsedComponents | None:
    """Return the table of the components that vectors use; None for a narrow vocabulary, which needs none."""
    if vectors.dimension <= NARROW_DIMENSION:
        return None
    return UsedComponents(np.unique(vectors.components))


def add_up(
    components: npt.NDArray[Any], weights: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float64]]:
    """Return the distinct components, uint32 and ascending, and the sums of their weights, float64."""
    distinct, places = np.unique(components, return_inverse=True)
    sums: npt.NDArray[np.float64] = np.bincount(places, weights, len(distinct)).astype(np.float64, copy=False)
    return distinct.astype(np.uint32), sums
