"""From a filter to the documents of a view that it lets through."""

from typing import TypeAlias
from weakref import WeakKeyDictionary

from seismic.filters.bind import bind
from seismic.filters.bits import Bits, count_of
from seismic.filters.cache import Cache
from seismic.filters.columns import is_list
from seismic.filters.evaluate import evaluate, evaluate_leaf
from seismic.filters.language import FilterLike, parse_filter
from seismic.filters.predicates import Leaf, Predicate, Within, values_in
from seismic.filters.windows import SortedColumn
from seismic.live import Address, LiveShard
from seismic.scope import Part, Scope, everything
from seismic.view import View

CACHED = 64 << 20
"""Bytes of bitmaps kept."""

OVERHEAD, PER_VALUE = 1024, 64
"""Bytes that a cached bitmap takes beside its own, and those of a value of its filter."""

Columns: TypeAlias = dict[str, SortedColumn]


class Filters:
    """Evaluates filters, and remembers what they came to. Safe to use from many threads.

    Bitmaps are kept by shard, so changes void those of the shards they touch only. The sorted order of a column is
    made when a range first asks for it, and kept as long as the shard: 12 to 16 bytes a document.
    """

    def __init__(self) -> None:
        self._bitmaps = Cache(CACHED)
        self._columns: WeakKeyDictionary[Address, Columns] = WeakKeyDictionary()

    def scope(self, view: View, wanted: FilterLike | None) -> Scope:
        """The documents of a view that a filter lets through, deleted ones aside; None: all. Raises FilterError."""
        if wanted is None:
            return everything(view)
        predicate = bind(parse_filter(wanted), view.rules.schema)
        return Scope(tuple(self._part(predicate, shard) for shard in view.shards))

    def _part(self, predicate: Predicate, shard: LiveShard) -> Part:
        def make() -> tuple[Part, int]:
            bits = evaluate(predicate, shard, lambda leaf: self._leaf(leaf, shard))
            if len(shard.allowed):
                bits = bits & shard.allowed
            return Part(bits, count_of(bits)), _bytes(predicate, bits)

        return self._bitmaps.get((shard.serial, predicate), make)

    def _leaf(self, leaf: Leaf, shard: LiveShard) -> Bits:
        if isinstance(leaf, Within) and not is_list(shard.shard.documents.schema.field(leaf.column).type):
            return self._sorted(leaf, shard).within(leaf.low, leaf.high)

        def make() -> tuple[Bits, int]:
            bits = evaluate_leaf(leaf, shard)
            return bits, _bytes(leaf, bits)

        return self._bitmaps.get((shard.address.serial, leaf), make)

    def _sorted(self, leaf: Within, shard: LiveShard) -> SortedColumn:
        columns = self._columns.setdefault(shard.address, {})
        if leaf.column not in columns:
            columns[leaf.column] = SortedColumn(shard, leaf)
        return columns[leaf.column]


def _bytes(predicate: Predicate, bits: Bits) -> int:
    return OVERHEAD + PER_VALUE * values_in(predicate) + bits.nbytes
