"""Canonical arrays: equal values have equal buffers, whatever chunks, slices or padding they came in.

Arrow leaves open what lies under nulls and behind the last value, and in which order a dictionary holds its values.
Files of equal documents must have equal bytes all the same, because hashes identify them.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


def canonical_batches(documents: pa.Table, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in canonical batches of `rows` rows. Each column has one dictionary in all of them."""
    for position, field in enumerate(documents.schema):
        if _has_dictionary(field.type):
            documents = documents.set_column(position, field, canonical(_joined(documents.column(position))))
    for first in range(0, documents.num_rows, rows):
        for batch in documents.slice(first, rows).combine_chunks().to_batches():
            columns = [one if _has_dictionary(one.type) else canonical(one) for one in batch.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=documents.schema)


def canonical(array: pa.Array) -> pa.Array:
    """Return an array of the same type and values with canonical buffers.

    Dictionaries hold the values in use, in the order of their first use; ordered ones keep their order.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _canonical_dictionary(array)
    if pa.types.is_struct(kind) and kind.num_fields:
        children = [_under(child, field) for child, field in zip(array.flatten(), kind, strict=True)]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())
    if pa.types.is_fixed_size_list(kind):
        size, absent = kind.list_size, np.repeat(array.is_null().to_numpy(zero_copy_only=False), kind.list_size)
        rows = pa.array(np.arange(array.offset * size, (array.offset + len(array)) * size), mask=absent)
        values = _under(array.values.take(rows), kind.value_field)
        return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=array.is_null())
    taken = array.take(pa.array(np.arange(len(array))))  # writes zeros or nothing under nulls
    if not pa.types.is_nested(kind) or pa.types.is_struct(kind) or len(taken) == 0:
        return taken
    values = _entries(taken) if pa.types.is_map(kind) else taken.values
    return pa.Array.from_buffers(kind, len(taken), taken.buffers()[:2], children=[_under(values, kind.field(0))])


def _entries(taken: pa.MapArray) -> pa.Array:
    """Return the entries of a map as structs."""
    return pa.StructArray.from_arrays([taken.keys, taken.items], fields=list(taken.type.field(0).type))


def _under(child: pa.Array, field: pa.Field) -> pa.Array:
    """Return the canonical child of a nested array. One that cannot be null has zeros under nulls of its parent."""
    child = canonical(child)
    if field.nullable or child.null_count == 0:
        return child
    _, *buffers = child.buffers()
    return pa.Array.from_buffers(child.type, len(child), [None, *buffers])


def _canonical_dictionary(array: pa.DictionaryArray) -> pa.Array:
    kind, dictionary, indices = array.type, array.dictionary, array.indices
    if not pa.types.is_nested(kind.value_type):  # a dictionary may hold a value twice, or null
        distinct = dictionary.dictionary_encode()
        dictionary, indices = distinct.dictionary, distinct.indices.take(indices)
    used = indices.drop_null().unique().to_numpy()
    if kind.ordered:
        used = np.sort(used)
    places = np.zeros(len(dictionary), np.int64)
    places[used] = np.arange(len(used))
    absent = indices.is_null().to_numpy(zero_copy_only=False)
    codes = np.where(absent, 0, places[indices.fill_null(0).to_numpy()] if len(dictionary) else 0)
    values = canonical(dictionary.take(pa.array(used)))
    return pa.DictionaryArray.from_arrays(pa.array(codes, kind.index_type, mask=absent), values, ordered=kind.ordered)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    """Return a column with dictionaries as one array. Chunks may have dictionaries of their own."""
    chunks = [_without_null_entries(chunk) for chunk in column.chunks or [pa.array([], column.type)]]
    return pa.concat_arrays(pa.chunked_array(chunks, column.type).unify_dictionaries().chunks)


def _without_null_entries(array: pa.Array) -> pa.Array:
    """Return an array whose dictionaries hold no null, which Arrow cannot unify."""
    if not pa.types.is_dictionary(array.type):
        return canonical(array)
    if array.dictionary.null_count == 0:
        return array
    present = array.dictionary.is_valid()
    places = np.cumsum(present.to_numpy(zero_copy_only=False)) - 1
    codes = pa.array(places, array.type.index_type, mask=~present.to_numpy(zero_copy_only=False)).take(array.indices)
    return pa.DictionaryArray.from_arrays(codes, array.dictionary.drop_null(), ordered=array.type.ordered)


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(child).type) for child in range(kind.num_fields))
