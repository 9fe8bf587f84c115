"""Dictionary-encoded columns, to group and count documents by value: each distinct value of a shard has a code."""

from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.errors import ParameterError
from seismic.filters.bits import count_documents, from_mask
from seismic.filters.columns import element_of, is_list, is_text, is_time
from seismic.stop import current
from seismic.view.live import Address, LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View


class Codes(NamedTuple):
    """A column of one shard.

    ``values`` (Arrow): the distinct values. ``codes`` int32: the code of every document, -1 for none. In a column of
    lists, the code of every list value, and ``documents`` int64, ascending, says whose it is.
    """

    values: pa.Array
    codes: npt.NDArray[np.int32]
    documents: npt.NDArray[np.int64] | None


class Unified(NamedTuple):
    """The distinct values of a column over all shards of a view.

    ``values`` (Arrow). ``ranks`` int64: the rank of each value in ascending order. ``of_shard``: for each shard, int64,
    the index in ``values`` of each of its codes.
    """

    values: pa.Array
    ranks: npt.NDArray[np.int64]
    of_shard: list[npt.NDArray[np.int64]]


ByColumn: TypeAlias = dict[str, Codes]


class Columns:
    """Codes of columns, made at the first use and cached as long as their shard lives. Safe to use from many threads.

    They take 4 bytes per document, or 12 per list value, plus the distinct values. The unified values of a column are
    cached for the last shards they were asked for.
    """

    def __init__(self) -> None:
        self._cache: WeakKeyDictionary[Address, ByColumn] = WeakKeyDictionary()
        self._unified: dict[str, tuple[tuple[int, ...], Unified]] = {}

    def of(self, shard: LiveShard, key: str) -> Codes:
        """Return the codes of a column that passed `check_key`."""
        columns = self._cache.setdefault(shard.address, {})
        if key not in columns:
            columns[key] = _codes(shard.shard.documents[key])
        return columns[key]

    def unified(self, view: View, key: str) -> Unified:
        """Return the distinct values of a column over all shards. Raises StoppedError if the time is up."""
        serials = tuple(shard.address.serial for shard in view.shards)
        cached = self._unified.get(key)
        if cached is None or cached[0] != serials:
            parts = []
            for shard in view.shards:
                current().check()
                parts.append(self.of(shard, key).values)
            cached = self._unified[key] = serials, _unify(parts)
        return cached[1]


def check_key(view: View, key: str, where: str, *, lists: bool) -> None:
    """Raise ParameterError unless the column exists and its values can be compared; `lists` allows lists of them."""
    if key not in view.documents.columns:
        known = ", ".join(view.documents.columns) or "no payload columns"
        raise ParameterError(f"{where}: unknown column '{key}'; this collection has {known}")
    kind = view.rules.schema.field(key).type
    element = element_of(kind)
    if not (is_text(element) or is_time(element) or pa.types.is_integer(element) or pa.types.is_boolean(element)):
        expected = "expected strings, integers, booleans, dates or times"
        raise ParameterError(f"{where}: column '{key}' is {kind}, {expected}")
    if is_list(kind) and not lists:
        raise ParameterError(f"{where}: column '{key}' is {kind}, expected one value a document")


def narrowed(view: View, scope: Scope, masks: list[npt.NDArray[np.bool_]]) -> Scope:
    """Narrow a scope by one mask per shard, bool [documents], by number."""
    parts = []
    for shard, part, mask in zip(view.shards, scope.parts, masks, strict=True):
        bits = from_mask(mask[shard.shard.shared.numbers])
        bits = bits & part.allowed if len(part.allowed) else bits
        parts.append(Part(bits, count_documents(bits)))
    return Scope(tuple(parts))


def _codes(column: pa.ChunkedArray) -> Codes:
    if not is_list(column.type):
        return Codes(*_encoded(column.chunks, column.type), None)
    rows, firsts = [], np.cumsum([0, *map(len, column.chunks)])
    for first, chunk in zip(firsts, column.chunks, strict=False):
        rows.append(pc.list_parent_indices(chunk).to_numpy().astype(np.int64) + first)
    values, codes = _encoded([pc.list_flatten(chunk) for chunk in column.chunks], column.type.value_type)
    documents = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    # A list counts each of its values once: keep the first of equal (document, code).
    order = np.lexsort((codes, documents))
    documents, codes = documents[order], codes[order]
    first = np.ones(len(codes), bool)
    first[1:] = (documents[1:] != documents[:-1]) | (codes[1:] != codes[:-1])
    return Codes(values, codes[first], documents[first])


def _encoded(chunks: list[pa.Array], kind: pa.DataType) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    plain = [chunk.dictionary_decode() if pa.types.is_dictionary(kind) else chunk for chunk in chunks]
    element = kind.value_type if pa.types.is_dictionary(kind) else kind
    encoded = pa.chunked_array(plain, element).dictionary_encode().unify_dictionaries()
    if encoded.num_chunks == 0:
        return pa.array([], element), np.zeros(0, np.int32)
    codes = [pc.fill_null(chunk.indices, -1).to_numpy() for chunk in encoded.chunks]
    return encoded.chunk(0).dictionary, np.concatenate(codes).astype(np.int32)


def _unify(parts: list[pa.Array]) -> Unified:
    if len(parts) == 1:
        values, of_shard = parts[0], [np.arange(len(parts[0]))]
    else:
        encoded = pa.concat_arrays(parts).dictionary_encode()
        values, ends = encoded.dictionary, np.cumsum([len(part) for part in parts])
        of_shard = np.split(encoded.indices.to_numpy().astype(np.int64), ends[:-1])
    current().check()
    sortable = values.cast(pa.uint8()) if pa.types.is_boolean(values.type) else values
    ranks = np.empty(len(values), np.int64)
    ranks[pc.sort_indices(sortable).to_numpy()] = np.arange(len(values))
    return Unified(values, ranks, of_shard)


def value_at(view: View, columns: Columns, key: str, number: int) -> pa.Scalar | None:
    """Return the value of a document, given its number in the view; None if it has none."""
    shard = int(np.searchsorted(view.firsts, number, side="right")) - 1
    codes = columns.of(view.shards[shard], key)
    code = int(codes.codes[number - view.firsts[shard]])
    return codes.values[code] if code >= 0 else None
