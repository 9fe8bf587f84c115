"""Evaluate predicates on the documents of one shard."""

from collections.abc import Callable
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.filters.bits import Bits, all_of, at_positions, complement, from_mask, none_of
from seismic.filters.columns import is_list, to_mask, values_of
from seismic.filters.predicates import All, Any, Between, HasIds, Leaf, Not, OneOf, Predicate, Present
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
    masks = [_rows_matching(leaf, chunk) for chunk in shard.shard.documents[leaf.column].chunks]
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


def _rows_matching(leaf: OneOf | Between | Present, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return bool [rows]."""
    if not is_list(column.type) or (isinstance(leaf, Present) and not leaf.not_empty):
        return _values_matching(leaf, column)
    mask = np.zeros(len(column), bool)
    mask[pc.list_parent_indices(column).to_numpy()[_values_matching(leaf, pc.list_flatten(column))]] = True
    return mask


def _values_matching(leaf: OneOf | Between | Present, column: pa.Array) -> npt.NDArray[np.bool_]:
    if isinstance(leaf, Present):
        return to_mask(column.is_valid())
    if isinstance(leaf, Between):
        values, valid = values_of([column], leaf.kind)
        return valid & (values >= leaf.low) & (values <= leaf.high)
    if pa.types.is_dictionary(column.type):
        return to_mask(pc.take(pa.array(_values_matching(leaf, column.dictionary)), column.indices))
    if len(leaf.values) == 1:
        return to_mask(pc.equal(column, pa.scalar(*leaf.values, leaf.kind)))
    return to_mask(pc.is_in(column, value_set=pa.array(list(leaf.values), leaf.kind)))
