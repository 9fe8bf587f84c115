"""Evaluate filters on a view, with caches."""

import marshal
from typing import TypeAlias
from weakref import WeakKeyDictionary

from seismic.conversion.numbers import as_plain
from seismic.filters.bind import Columns, bind
from seismic.filters.bits import Bits, count_documents
from seismic.filters.cache import Cache
from seismic.filters.columns import columns_of, is_list
from seismic.filters.evaluate import evaluate, evaluate_leaf
from seismic.filters.language import FilterLike, parse_filter
from seismic.filters.predicates import Between, Leaf, Predicate, values_in
from seismic.filters.sorted_column import SortedColumn
from seismic.stop import current
from seismic.view.live import Address, LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

CACHE_BYTES = 64 << 20
"""Capacity of the cache of bitmaps."""

ENTRY_BYTES, VALUE_BYTES = 1024, 64
"""Estimated memory of a cache entry without its bitmap, and of each value in its filter."""

Sorted: TypeAlias = dict[str, SortedColumn | None]


class Filters:
    """Evaluates filters and caches the results. Safe to use from many threads.

    Bitmaps are cached per shard, so a change invalidates those of the affected shards only. A column's sorted order is
    computed for its first range and kept as long as the shard: 12 to 16 bytes per document.
    """

    def __init__(self) -> None:
        self._cache = Cache(CACHE_BYTES)
        self._sorted: WeakKeyDictionary[Address, Sorted] = WeakKeyDictionary()
        self._columns: WeakKeyDictionary[Address, Columns] = WeakKeyDictionary()

    def scope(self, view: View, wanted: FilterLike | None) -> Scope:
        """Return the scope of the documents that match a filter (None: all), without deleted ones.

        Raises FilterError.
        """
        if wanted is None:
            return view.everything
        predicate = self._predicate(view, wanted)
        return Scope(tuple(self._part(predicate, shard) for shard in view.shards))

    def _predicate(self, view: View, wanted: FilterLike) -> Predicate:
        """Return the predicate of a filter. Those of dicts are cached, since parsing is as slow as evaluation."""
        generation = view.base[0].address
        if type(wanted) is dict:
            wanted = as_plain(wanted)  # marshal writes NumPy's scalars as mere bytes

        def make() -> Predicate:
            columns = self._columns.get(generation) or columns_of(view.rules.schema)
            self._columns[generation] = columns
            return bind(parse_filter(wanted), columns)

        def make_for(key: bytes) -> tuple[Predicate, int]:
            predicate = make()
            return predicate, ENTRY_BYTES + VALUE_BYTES * values_in(predicate) + len(key)

        if type(wanted) is not dict:
            return make()
        try:
            key = marshal.dumps(wanted, 2)  # fast, and unlike JSON it distinguishes all types
        except ValueError:  # other Python types, or nested too deeply
            return make()
        return self._cache.get((generation.serial, key), lambda: make_for(key))

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
        """Return the column in sorted order; None for list columns, which have no order."""
        columns = self._sorted.setdefault(shard.address, {})
        if leaf.column not in columns:
            values, positions = shard.shard.documents[leaf.column], shard.address.positions
            columns[leaf.column] = None if is_list(values.type) else SortedColumn(values.chunks, leaf.kind, positions)
        return columns[leaf.column]


def _bytes(predicate: Predicate, bits: Bits) -> int:
    return ENTRY_BYTES + VALUE_BYTES * values_in(predicate) + bits.nbytes
