"""From a filter to the documents of a view that it lets through."""

import marshal
from typing import TypeAlias
from weakref import WeakKeyDictionary

from seismic.filters.bind import Columns, bind
from seismic.filters.bits import Bits, count_of
from seismic.filters.cache import Cache
from seismic.filters.columns import columns_of, is_list
from seismic.filters.evaluate import evaluate, evaluate_leaf
from seismic.filters.language import FilterLike, parse_filter
from seismic.filters.predicates import Leaf, Predicate, Within, values_in
from seismic.filters.windows import SortedColumn
from seismic.stop import current
from seismic.view.live import Address, LiveShard
from seismic.view.scope import Part, Scope, everything
from seismic.view.view import View

CACHED = 64 << 20
"""Bytes of bitmaps kept."""

OVERHEAD, PER_VALUE = 1024, 64
"""Bytes that something cached takes beside its own, and those of a value of its filter."""

Sorted: TypeAlias = dict[str, SortedColumn | None]


class Filters:
    """Evaluates filters, and remembers what they came to. Safe to use from many threads.

    Bitmaps are kept by shard, so changes void those of the shards they touch only. The sorted order of a column is
    made when a range first asks for it, and kept as long as the shard: 12 to 16 bytes a document.
    """

    def __init__(self) -> None:
        self._kept = Cache(CACHED)
        self._sorted: WeakKeyDictionary[Address, Sorted] = WeakKeyDictionary()
        self._columns: WeakKeyDictionary[Address, Columns] = WeakKeyDictionary()

    def scope(self, view: View, wanted: FilterLike | None) -> Scope:
        """The documents of a view that a filter lets through, deleted ones aside; None: all. Raises FilterError."""
        if wanted is None:
            return everything(view)
        predicate = self._predicate(view, wanted)
        return Scope(tuple(self._part(predicate, shard) for shard in view.shards))

    def _predicate(self, view: View, wanted: FilterLike) -> Predicate:
        """Of a dict that came before it is remembered: parsing takes as long as finding the bitmaps."""
        generation = view.base[0].address

        def make() -> Predicate:
            columns = self._columns.get(generation) or columns_of(view.rules.schema)
            self._columns[generation] = columns
            return bind(parse_filter(wanted), columns)

        def make_for(key: bytes) -> tuple[Predicate, int]:
            predicate = make()
            return predicate, OVERHEAD + PER_VALUE * values_in(predicate) + len(key)

        if type(wanted) is not dict:
            return make()
        try:
            key = marshal.dumps(wanted, 2)  # tells all types apart, as JSON does not, in a microsecond
        except ValueError:  # what is no JSON, or too deep
            return make()
        return self._kept.get((generation.serial, key), lambda: make_for(key))

    def _part(self, predicate: Predicate, shard: LiveShard) -> Part:
        def make() -> tuple[Part, int]:
            bits = evaluate(predicate, shard, lambda leaf: self._leaf(leaf, shard))
            if len(shard.allowed):
                bits = bits & shard.allowed
            return Part(bits, count_of(bits)), _bytes(predicate, bits)

        return self._kept.get((shard.serial, predicate), make)

    def _leaf(self, leaf: Leaf, shard: LiveShard) -> Bits:
        current().check()
        if isinstance(leaf, Within) and (column := self._in_order(leaf, shard)):
            return column.within(leaf.low, leaf.high)

        def make() -> tuple[Bits, int]:
            bits = evaluate_leaf(leaf, shard)
            return bits, _bytes(leaf, bits)

        return self._kept.get((shard.address.serial, leaf), make)

    def _in_order(self, leaf: Within, shard: LiveShard) -> SortedColumn | None:
        """None for lists, which have no order."""
        columns = self._sorted.setdefault(shard.address, {})
        if leaf.column not in columns:
            values = shard.shard.documents[leaf.column]
            in_order = None if is_list(values.type) else SortedColumn(values.chunks, leaf.kind, shard.address.positions)
            columns[leaf.column] = in_order
        return columns[leaf.column]


def _bytes(predicate: Predicate, bits: Bits) -> int:
    return OVERHEAD + PER_VALUE * values_in(predicate) + bits.nbytes
