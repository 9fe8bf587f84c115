"""Evaluate filters on a view, with caches."""

import marshal
from itertools import count
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from seismic.conversion.numbers import as_plain
from seismic.filters.bind import Columns, bind
from seismic.filters.bits import Bits, count_documents
from seismic.filters.cache import Cache
from seismic.filters.columns import chunks_of, columns_of
from seismic.filters.evaluate import evaluate, evaluate_leaf
from seismic.filters.exclude import excluded_by
from seismic.filters.language import FilterLike
from seismic.filters.parse import parse_filter
from seismic.filters.paths import Path, follow, is_list
from seismic.filters.predicates import Between, Leaf, Predicate, values_in
from seismic.filters.sorted_column import SortedColumn
from seismic.kernels.constants import BLOCK
from seismic.stop import current
from seismic.store.lock import Lease
from seismic.view.live import Address, LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

CACHE_BYTES = 64 << 20
"""Capacity of the cache of bitmaps."""

ENTRY_BYTES, VALUE_BYTES = 1024, 64
"""Estimated memory of a cache entry without its bitmap, and of each value in its filter."""

Sorted: TypeAlias = dict[tuple[Path, pa.DataType], SortedColumn | None]
"""By path and type, as the type may become wider."""

_SERIALS = count()


class _Schema(NamedTuple):
    """The columns that filters were bound to; ``serial`` is unique in this process."""

    serial: int
    schema: pa.Schema
    columns: Columns


class Filters:
    """Evaluates filters and caches the results. Safe to use from many threads.

    Bitmaps are cached per shard, so a change invalidates those of the affected shards only. A column's sorted order is
    computed for its first range and kept as long as the shard: 12 to 16 bytes per document.
    """

    def __init__(self) -> None:
        self._cache = Cache(CACHE_BYTES)
        self._sorted: WeakKeyDictionary[Address, Sorted] = WeakKeyDictionary()
        self._schemas: WeakKeyDictionary[Lease, _Schema] = WeakKeyDictionary()

    def scope(self, view: View, wanted: FilterLike | None) -> Scope:
        """Return the scope of the documents that match a filter (None: all), without deleted ones.

        Raises FilterError.
        """
        if wanted is None:
            return view.everything
        predicate = self._predicate(view, wanted)
        return Scope(tuple(self._part(predicate, shard) for shard in view.shards))

    def excluded_by(self, view: View, wanted: FilterLike, shard: LiveShard, number: int) -> list[str]:
        """Return the paths of the conditions of a filter that a document of a shard fails. Raises FilterError."""
        block, bit = divmod(int(shard.positions(np.array([number]))[0]), BLOCK)

        def holds(predicate: Predicate) -> bool:
            bits = evaluate(predicate, shard, lambda leaf: self._leaf(leaf, shard))
            return bool(bits[block] >> bit & 1)

        return excluded_by(parse_filter(wanted), self._schema(view).columns, holds)

    def _predicate(self, view: View, wanted: FilterLike) -> Predicate:
        """Return the predicate of a filter. Those of dicts are cached, since parsing is as slow as evaluation."""
        schema = self._schema(view)
        if type(wanted) is dict:
            wanted = as_plain(wanted)  # marshal writes NumPy's scalars as mere bytes

        def make() -> Predicate:
            return bind(parse_filter(wanted), schema.columns)

        def make_for(key: bytes) -> tuple[Predicate, int]:
            predicate = make()
            return predicate, ENTRY_BYTES + VALUE_BYTES * values_in(predicate) + len(key)

        if type(wanted) is not dict:
            return make()
        try:
            key = marshal.dumps(wanted, 2)  # fast, and unlike JSON it distinguishes all types
        except ValueError:  # other Python types, or nested too deeply
            return make()
        return self._cache.get((schema.serial, key), lambda: make_for(key))

    def _schema(self, view: View) -> "_Schema":
        """Return the columns of a view. Changes may add some to a generation."""
        known, schema = self._schemas.get(view.lease), view.rules.schema
        if known is None or not (known.schema is schema or known.schema.equals(schema)):
            known = self._schemas[view.lease] = _Schema(next(_SERIALS), schema, columns_of(schema))
        return known

    def _part(self, predicate: Predicate, shard: LiveShard) -> Part:
        def make() -> tuple[Part, int]:
            bits = evaluate(predicate, shard, lambda leaf: self._leaf(leaf, shard))
            if len(shard.allowed):
                bits = bits & shard.allowed
            return Part(bits, count_documents(bits)), _bytes(predicate, bits)

        return self._cache.get((shard.serial, predicate), make)

    def _leaf(self, leaf: Leaf, shard: LiveShard) -> Bits:
        current().check()
        if isinstance(leaf, Between) and (column := self._sorted_column(leaf, shard)):
            return column.between(leaf.low, leaf.high)

        def make() -> tuple[Bits, int]:
            bits = evaluate_leaf(leaf, shard)
            return bits, _bytes(leaf, bits)

        return self._cache.get((shard.address.serial, leaf), make)

    def _sorted_column(self, leaf: Between, shard: LiveShard) -> SortedColumn | None:
        """Return the column in sorted order; None for lists, which have no order, and decimals, which NumPy lacks."""
        columns = self._sorted.setdefault(shard.address, {})
        if (key := (leaf.column, leaf.kind)) not in columns:
            parts = [follow(chunk, leaf.column[1:]) for chunk in chunks_of(shard, leaf.column)]
            listed = any(part.rows is not None or is_list(part.values.type) for part in parts)
            values, positions = [part.values for part in parts], shard.address.positions
            sortable = not listed and not pa.types.is_decimal(leaf.kind)
            columns[key] = SortedColumn(values, leaf.kind, positions) if sortable else None
        return columns[key]


def _bytes(predicate: Predicate, bits: Bits) -> int:
    return ENTRY_BYTES + VALUE_BYTES * values_in(predicate) + bits.nbytes
