"""Evaluate predicates on the documents of one shard."""

from collections.abc import Callable
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.filters.bits import Bits, all_of, at_positions, complement, from_mask, none_of
from seismic.filters.columns import chunks_of, plain_of, to_mask, values_of
from seismic.filters.geo import points_matching
from seismic.filters.paths import follow
from seismic.filters.predicates import (
    All,
    Any,
    Between,
    HasIds,
    HasWords,
    InBox,
    InRadius,
    Leaf,
    Like,
    Not,
    OfColumn,
    OneOf,
    Predicate,
    Present,
)
from seismic.filters.texts import texts_matching
from seismic.view.live import LiveShard


def evaluate(predicate: Predicate, shard: LiveShard, leaf: Callable[[Leaf], Bits]) -> Bits:
    """Return the bitmap of the documents that match, deleted ones included. `leaf` evaluates leaves.

    The bitmap may be shared with other callers: do not write to it.
    """
    match predicate:
        case Not(inner):
            return complement(evaluate(inner, shard, leaf), len(shard))
        case All(inner):
            parts = (evaluate(part, shard, leaf) for part in inner)
            return reduce(np.bitwise_and, parts) if inner else all_of(len(shard))
        case Any(inner):
            parts = (evaluate(part, shard, leaf) for part in inner)
            return reduce(np.bitwise_or, parts) if inner else none_of(len(shard))
    return leaf(predicate)


def evaluate_leaf(leaf: Leaf, shard: LiveShard) -> Bits:
    """Return the bitmap of the documents that match a leaf, deleted ones included."""
    if isinstance(leaf, HasIds):
        return _with_ids(leaf, shard)
    if not shard.has(leaf.column[0]):  # all null, which no leaf matches
        return none_of(len(shard))
    masks = [_rows_matching(leaf, chunk) for chunk in chunks_of(shard, leaf.column)]
    mask = np.concatenate(masks) if masks else np.zeros(0, bool)
    return from_mask(mask[shard.shard.shared.numbers])


def _with_ids(leaf: HasIds, shard: LiveShard) -> Bits:
    kind = shard.shard.documents.schema.field("id").type
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        ids = [id for id in leaf.ids if limits.min <= int(id) <= limits.max]
    else:
        ids = list(leaf.ids)
    numbers = shard.find(pa.array(ids, kind))
    return at_positions(shard.positions(numbers[numbers >= 0]), len(shard))


def _rows_matching(leaf: OfColumn, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return bool [rows] of a chunk of the column."""
    flat = follow(column, leaf.column[1:])
    if not (isinstance(leaf, Present) and not leaf.not_empty):
        flat = flat.flattened()
    return flat.rows_where(_values_matching(leaf, flat.values), len(column))


def _values_matching(leaf: OfColumn, values: pa.Array) -> npt.NDArray[np.bool_]:
    if isinstance(leaf, Present):
        return to_mask(values.is_valid())
    if pa.types.is_dictionary(values.type):
        return to_mask(pc.take(pa.array(_values_matching(leaf, values.dictionary)), values.indices))
    match leaf:
        case Like() | HasWords():
            return texts_matching(leaf, values)
        case InRadius() | InBox():
            return points_matching(leaf, values)
        case Between():
            return _values_between(leaf, values)
        case OneOf():
            return _values_equal(leaf, values)


def _values_between(leaf: Between, values: pa.Array) -> npt.NDArray[np.bool_]:
    if pa.types.is_decimal(leaf.kind):
        kind, values = _wide(leaf.kind), _widened(values)
        low, high = pa.scalar(leaf.low, kind), pa.scalar(leaf.high, kind)
        return to_mask(pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high)))
    numbers, valid = values_of([values], leaf.kind)
    inside: npt.NDArray[np.bool_] = valid & (numbers >= leaf.low) & (numbers <= leaf.high)
    return inside


def _values_equal(leaf: OneOf, values: pa.Array) -> npt.NDArray[np.bool_]:
    if pa.types.is_floating(leaf.kind):  # NumPy compares 0.0 and -0.0 as equal, Arrow's is_in does not
        numbers, valid = values_of([values], leaf.kind)
        return valid & np.isin(numbers, np.array(list(leaf.values), numbers.dtype))
    if pa.types.is_decimal(leaf.kind):
        kind, values = _wide(leaf.kind), _widened(values)
    else:
        kind = plain_of(leaf.kind)
        values = values if kind == leaf.kind else values.view(kind)
    if len(leaf.values) == 1:
        return to_mask(pc.equal(values, pa.scalar(*leaf.values, kind)))
    return to_mask(pc.is_in(values, value_set=pa.array(list(leaf.values), kind)))


def _wide(kind: pa.DataType) -> pa.DataType:
    """Return a decimal type that Arrow's kernels take, with the same values."""
    small = pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind)
    return pa.decimal128(kind.precision, kind.scale) if small else kind


def _widened(values: pa.Array) -> pa.Array:
    return values.cast(_wide(values.type))
