"""Check and repair CSR arrays of sparse vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.conversion.plain import excerpt
from seismic.errors import VectorError

MAX_DIMENSION = 1 << 32
"""Largest dimension. Kernels hold a query as one dense row of float32: at most 64 MB."""

MIN_VALUE, MAX_VALUE = np.float32(1e-15), np.float32(1e15)
"""Allowed values. Their sums and quotients are normal float32 numbers, so kernels do not check."""


def row_of(indptr: npt.NDArray[np.int64], entry: int) -> int:
    """Return the row of an entry."""
    return int(np.searchsorted(indptr, entry, side="right")) - 1


def as_array(numbers: Any, field: str) -> npt.NDArray[Any]:
    """Convert to a NumPy array. Raises VectorError."""
    try:
        return np.asarray(numbers)
    except (ValueError, TypeError, OverflowError) as error:
        raise VectorError(f"found {excerpt(numbers)}, expected an array of numbers ({error})", field=field) from None


def integers(array: npt.ArrayLike, field: str) -> npt.NDArray[Any]:
    """Convert to an array of integers. Raises VectorError."""
    result = as_array(array, field)
    if result.size == 0:
        return np.zeros(result.shape, np.int64)
    if result.dtype.kind not in "iu":
        raise VectorError(f"found {result.dtype} numbers, expected integers", field=field)
    return result


def floats(array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Convert values to an array of numbers. Raises VectorError."""
    result = as_array(array, "values")
    if result.size == 0:
        return np.zeros(result.shape, np.float32)
    if result.dtype.kind not in "fiu":
        raise VectorError(f"found {result.dtype} values, expected floats", field="values")
    return result


def check_shape(starts: npt.NDArray[Any], ids: npt.NDArray[Any], weights: npt.NDArray[Any]) -> None:
    """Check that the arrays form a CSR triple."""
    if starts.ndim != 1 or ids.ndim != 1 or weights.ndim != 1:
        raise VectorError(f"found arrays of {starts.ndim}, {ids.ndim} and {weights.ndim} axes, expected one axis each")
    if len(ids) != len(weights):
        raise VectorError(f"found {len(ids)} indices and {len(weights)} values, expected equal numbers")
    if len(starts) == 0 or starts[0] != 0 or starts[-1] != len(ids):
        raise VectorError(f"expected 0 at the start and {len(ids)}, the number of values, at the end", field="indptr")
    steps = np.diff(starts.astype(np.int64))
    if (steps < 0).any():
        raise VectorError("found a decrease", row=int(np.flatnonzero(steps < 0)[0]), field="indptr")


def check_dimension(starts: npt.NDArray[Any], ids: npt.NDArray[Any], dimension: int | None) -> int:
    """Check the range of components and return the dimension."""
    if len(ids) and ids.min() < 0:
        entry = int(np.argmin(ids))
        problem = f"found component {ids[entry]}, expected components from 0"
        raise VectorError(problem, row=row_of(starts, entry), field="indices")
    largest = int(ids.max()) if len(ids) else -1
    limit = MAX_DIMENSION if dimension is None else dimension
    if not isinstance(limit, int | np.integer) or not 0 <= limit <= MAX_DIMENSION:
        raise VectorError(f"found dimension {excerpt(dimension)}, expected 0 to {MAX_DIMENSION}")
    if largest >= limit:
        raise VectorError(
            f"found component {largest}, expected components below the dimension {limit}",
            row=row_of(starts, int(np.argmax(ids))),
            field="indices",
        )
    return largest + 1 if dimension is None else int(dimension)


def check_values(starts: npt.NDArray[Any], weights: npt.NDArray[Any], least: np.float32) -> npt.NDArray[np.float32]:
    """Check the range of values and return them as float32."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        single = weights.astype(np.float32, copy=False)
    good = (single >= least) & (single <= MAX_VALUE)  # NaN is neither
    if not good.all():
        entry = int(np.flatnonzero(~good)[0])
        hint = "; repair drops it" if 0 <= weights[entry] < MIN_VALUE else ""
        raise VectorError(
            f"found {weights[entry]}, expected {MIN_VALUE:g} to {MAX_VALUE:g}{hint}",
            row=row_of(starts, entry),
            field="values",
        )
    return single


def check_order(starts: npt.NDArray[Any], ids: npt.NDArray[Any]) -> None:
    """Check that components ascend strictly in every row."""
    if len(ids) < 2:
        return
    rising = ids[1:] > ids[:-1]
    first_of_row = np.zeros(len(ids) + 1, bool)
    first_of_row[starts] = True
    bad = ~(rising | first_of_row[1:-1])
    if bad.any():
        entry = int(np.flatnonzero(bad)[0]) + 1
        kind = "duplicate component" if ids[entry] == ids[entry - 1] else "component"
        raise VectorError(
            f"found {kind} {ids[entry]} after {ids[entry - 1]}, expected strictly ascending components; repair "
            "sorts them and sums duplicates",
            row=row_of(starts, entry),
            field="indices",
        )


def repaired(
    starts: npt.NDArray[Any], ids: npt.NDArray[Any], weights: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Drop values below MIN_VALUE, sort by (row, component), sum duplicates."""
    positive = weights >= MIN_VALUE
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[positive]
    ids, weights = ids[positive], weights[positive]
    order = np.lexsort((ids, rows))
    rows, ids, weights = rows[order], ids[order], weights[order]
    first = np.ones(len(ids), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (ids[1:] != ids[:-1])
    distinct = np.flatnonzero(first)
    counts = np.bincount(rows[distinct], minlength=len(starts) - 1)
    summed = np.add.reduceat(weights, distinct, dtype=np.float64) if len(distinct) else weights
    with np.errstate(over="ignore"):
        summed = summed.astype(np.float32)
    return np.concatenate([[0], np.cumsum(counts)]), ids[distinct], summed
