"""Evaluating a predicate on the documents of one shard."""

from collections.abc import Callable
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.filters.bits import Bits, all_of, at_positions, complement, from_mask, none_of
from seismic.filters.columns import is_list, to_mask, values_of
from seismic.filters.predicates import All, Any, Identified, Leaf, Not, OneOf, Predicate, Present, Within
from seismic.view.live import LiveShard


def evaluate(predicate: Predicate, shard: LiveShard, leaf: Callable[[Leaf], Bits]) -> Bits:
    """The documents it holds for, deleted ones included; `leaf` answers for what is asked of one column. Nobody may
    write to it: others may have the same."""
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
    """`evaluate` of what is asked of one column."""
    if isinstance(leaf, Identified):
        return _identified(leaf, shard)
    masks = [_holds(leaf, chunk) for chunk in shard.shard.documents[leaf.column].chunks]
    mask = np.concatenate(masks) if masks else np.zeros(0, bool)
    return from_mask(mask[shard.shard.shared.numbers])


def _identified(leaf: Identified, shard: LiveShard) -> Bits:
    kind = shard.shard.documents.schema.field("id").type
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        ids = [one for one in leaf.ids if limits.min <= int(one) <= limits.max]
    else:
        ids = list(leaf.ids)
    found = shard.find(pa.array(ids, kind))
    return at_positions(shard.positions(found[found >= 0]), len(shard))


def _holds(leaf: OneOf | Within | Present, column: pa.Array) -> npt.NDArray[np.bool_]:
    """bool [rows]"""
    if not is_list(column.type) or (isinstance(leaf, Present) and not leaf.filled):
        return _values_hold(leaf, column)
    mask = np.zeros(len(column), bool)
    mask[pc.list_parent_indices(column).to_numpy()[_values_hold(leaf, pc.list_flatten(column))]] = True
    return mask


def _values_hold(leaf: OneOf | Within | Present, column: pa.Array) -> npt.NDArray[np.bool_]:
    if isinstance(leaf, Present):
        return to_mask(column.is_valid())
    if isinstance(leaf, Within):
        values, valid = values_of([column], leaf.kind)
        return valid & (values >= leaf.low) & (values <= leaf.high)
    if pa.types.is_dictionary(column.type):
        holds = pc.take(pa.array(_values_hold(leaf, column.dictionary)), column.indices)
        return to_mask(holds)
    if len(leaf.values) == 1:
        return to_mask(pc.equal(column, pa.scalar(*leaf.values, leaf.kind)))
    return to_mask(pc.is_in(column, value_set=pa.array(list(leaf.values), leaf.kind)))
