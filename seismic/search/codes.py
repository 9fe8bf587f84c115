"""Dictionary-encoded columns, to group and count documents by value: each distinct value of a shard has a code."""

from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.errors import ParameterError
from seismic.filters.bits import count_documents, from_mask
from seismic.filters.columns import chunks_of, columns_of, element_of, is_text, is_time
from seismic.filters.paths import Path, UnknownKeyError, follow, is_list, resolve
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


ByColumn: TypeAlias = dict[tuple[Path, pa.DataType], Codes]
"""By path and type of the column, as the type may become wider."""


class Columns:
    """Codes of columns, made at the first use and cached as long as their shard lives. Safe to use from many threads.

    They take 4 bytes per document, or 12 per list value, plus the distinct values. The unified values of a column are
    cached for the last shards they were asked for.
    """

    def __init__(self) -> None:
        self._cache: WeakKeyDictionary[Address, ByColumn] = WeakKeyDictionary()
        self._unified: dict[Path, tuple[tuple[int, ...], Unified]] = {}

    def of(self, shard: LiveShard, path: Path) -> Codes:
        """Return the codes of a column, given the path that `check_key` returned."""
        columns, key = self._cache.setdefault(shard.address, {}), (path, shard.type_of(path[0]))
        if key not in columns:
            columns[key] = _codes(chunks_of(shard, path), path)
        return columns[key]

    def unified(self, view: View, path: Path) -> Unified:
        """Return the distinct values of a column over all shards. Raises StoppedError if the time is up."""
        serials = (view.rules.version, *(shard.address.serial for shard in view.shards))
        cached = self._unified.get(path)
        if cached is None or cached[0] != serials:
            parts = []
            for shard in view.shards:
                current().check()
                parts.append(self.of(shard, path).values)
            cached = self._unified[path] = serials, _unify(parts)
        return cached[1]


def check_key(view: View, key: str, where: str, *, lists: bool) -> Path:
    """Return the path of a key of a payload column whose values can be compared; `lists` allows lists of them.

    Raises ParameterError for any other key.
    """
    kinds = columns_of(view.rules.schema)
    del kinds["id"]
    try:
        path, kind = resolve(key, kinds)
    except UnknownKeyError as error:
        raise ParameterError(f"{where}: {error}") from None
    element = element_of(kind)
    if not (is_text(element) or is_time(element) or pa.types.is_integer(element) or pa.types.is_boolean(element)):
        expected = "expected strings, integers, booleans, dates or times"
        raise ParameterError(f"{where}: column '{key}' is {kind}, {expected}")
    if is_list(kind) and not lists:
        raise ParameterError(f"{where}: column '{key}' is {kind}, expected one value a document")
    return path


def path_of(view: View, key: str) -> Path:
    """Return the path of a key that passed `check_key`."""
    return resolve(key, columns_of(view.rules.schema))[0]


def narrowed(view: View, scope: Scope, masks: list[npt.NDArray[np.bool_]]) -> Scope:
    """Narrow a scope by one mask per shard, bool [documents], by number."""
    parts = []
    for shard, part, mask in zip(view.shards, scope.parts, masks, strict=True):
        bits = from_mask(mask[shard.shard.shared.numbers])
        bits = bits & part.allowed if len(part.allowed) else bits
        parts.append(Part(bits, count_documents(bits)))
    return Scope(tuple(parts))


def _codes(chunks: list[pa.Array], path: Path) -> Codes:
    flats = [follow(chunk, path[1:]).flattened() for chunk in chunks]
    values, codes = _encoded([flat.values for flat in flats])
    firsts = np.cumsum([0, *map(len, chunks)])
    rows = [flat.rows + first for flat, first in zip(flats, firsts, strict=False) if flat.rows is not None]
    if not rows:
        return Codes(values, codes, None)
    documents = np.concatenate(rows)
    # A list counts each of its values once: keep the first of equal (document, code).
    order = np.lexsort((codes, documents))
    documents, codes = documents[order], codes[order]
    first = np.ones(len(codes), bool)
    first[1:] = (documents[1:] != documents[:-1]) | (codes[1:] != codes[:-1])
    return Codes(values, codes[first], documents[first])


def _encoded(chunks: list[pa.Array]) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the distinct values of at least one chunk, and the code of every value."""
    plain = [chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk for chunk in chunks]
    encoded = pa.chunked_array(plain).dictionary_encode().unify_dictionaries()
    if encoded.num_chunks == 0:  # Arrow drops the chunks of a column without rows
        return pa.array([], plain[0].type), np.zeros(0, np.int32)
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


def value_at(view: View, columns: Columns, path: Path, number: int) -> pa.Scalar | None:
    """Return the value of a document, given its number in the view; None if it has none."""
    shard = int(np.searchsorted(view.firsts, number, side="right")) - 1
    codes = columns.of(view.shards[shard], path)
    code = int(codes.codes[number - view.firsts[shard]])
    return codes.values[code] if code >= 0 else None
