"""Convert tabular objects to Arrow tables with types that the engine reads."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seismic.errors import InputError

TableLike: TypeAlias = Any
"""A `pyarrow.Table` or `RecordBatch`, a pandas or Polars data frame, any other object with the Arrow PyCapsule
interface, a mapping of column name to values, or a list of mappings."""

MAX_DEPTH = 60
"""Largest nesting depth of a column. Arrow's files allow 64 levels, and its recursive functions crash on more."""


def is_table(data: object) -> bool:
    """Return whether `to_table` converts objects of this type, apart from mappings and lists."""
    arrow = isinstance(data, pa.Table | pa.RecordBatch) or hasattr(data, "__arrow_c_stream__")
    return (arrow and not isinstance(data, pa.Array | pa.ChunkedArray)) or _is_pandas(data)


def to_table(data: TableLike, name: str) -> pa.Table:
    """Convert `data` to a valid table of plain types.

    Raises InputError, which starts with `name`. View types become their plain counterparts, extension types their
    storage, run-end encoded columns are decoded.
    """
    table = _as_table(data, name)
    repeated = next((column for column in table.column_names if table.column_names.count(column) > 1), None)
    if repeated is not None:
        raise InputError(f"{name}: found column '{repeated}' twice, expected unique names")
    for field in table.schema:
        if _depth(field.type) > MAX_DEPTH:
            raise InputError(f"{name}: found more than {MAX_DEPTH} nested levels in column '{field.name}'")
    try:
        table.validate(full=True)  # e.g. invalid UTF-8 or offsets, which native code trusts
        return _plain_columns(table)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{name}: found an invalid table: {error}") from None


def _as_table(data: Any, name: str) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    try:
        if isinstance(data, pa.RecordBatch):
            return pa.Table.from_batches([data])
        if _is_pandas(data):
            return pa.Table.from_pandas(data, preserve_index=False)
        if isinstance(data, Mapping):
            return pa.table({str(key): _column(values) for key, values in data.items()})
        if hasattr(data, "__arrow_c_stream__") and not isinstance(data, pa.Array | pa.ChunkedArray):
            return pa.table(data)
        if isinstance(data, list | tuple) and data and all(isinstance(row, Mapping) for row in data):
            names = dict.fromkeys(str(key) for row in data for key in row)
            return pa.table({key: _column([row.get(key) for row in data]) for key in names})
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{name}: cannot convert a {type(data).__name__} to an Arrow table: {error}") from None
    raise InputError(
        f"{name}: found a {type(data).__name__}, expected an Arrow table, a pandas or Polars data frame, a mapping of "
        "column name to values, or a list of mappings"
    )


def _column(values: Any) -> Any:
    return values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)


def _is_pandas(data: object) -> bool:
    kind = type(data)
    return kind.__module__.split(".")[0] == "pandas" and kind.__name__ == "DataFrame"


def _depth(kind: pa.DataType) -> int:
    """Return the number of nested levels, 1 for a plain type. Iterative, since types may be nested arbitrarily."""
    depth, level = 0, [kind]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [child for parent in level for child in _children(parent)]
    return depth


def _children(kind: pa.DataType) -> Sequence[pa.DataType]:
    if isinstance(kind, pa.BaseExtensionType):
        return [kind.storage_type]
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return [kind.value_type]
    return [kind.field(child).type for child in range(kind.num_fields)]


def _plain_columns(table: pa.Table) -> pa.Table:
    for position, field in enumerate(table.schema):
        plain = _plain(field.type)
        if plain != field.type:
            chunks = [_converted(chunk, plain) for chunk in table.column(position).chunks]
            table = table.set_column(position, field.with_type(plain), pa.chunked_array(chunks, plain))
    return table


def _converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Convert an array to its plain type. Arrow's casts of list views return arrays with too short buffers."""
    found = array.type
    if found == kind:
        return array
    if isinstance(found, pa.BaseExtensionType):
        return _converted(array.storage, kind)
    if pa.types.is_run_end_encoded(found):
        return _converted(pc.run_end_decode(array), kind)
    if pa.types.is_dictionary(found):
        values = _converted(array.dictionary, kind.value_type)
        return pa.DictionaryArray.from_arrays(array.indices, values, ordered=kind.ordered)
    if pa.types.is_struct(found):
        parts = [_converted(pc.struct_field(array, [number]), field.type) for number, field in enumerate(kind)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    if pa.types.is_fixed_size_list(found):
        values = array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size)
        return pa.FixedSizeListArray.from_arrays(_converted(values, kind.value_type), type=kind, mask=array.is_null())
    if pa.types.is_nested(found):
        ends = np.cumsum(pc.fill_null(pc.list_value_length(array), 0).to_numpy(), dtype=np.int64)
        values = _converted(pc.list_flatten(array), kind.value_type)
        large = pa.types.is_large_list(kind)
        offsets = pa.array(np.concatenate([[0], ends]), pa.int64() if large else pa.int32())
        make = pa.LargeListArray if large else pa.ListArray
        return make.from_arrays(offsets, values, type=kind, mask=array.is_null())
    return array.cast(kind)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the plain counterpart of a type."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_run_end_encoded(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _plain(kind.value_type), kind.ordered)
    if pa.types.is_list_view(kind):
        return pa.list_(_plain_field(kind.value_field))
    if pa.types.is_large_list_view(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_plain_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_field(kind.value_field), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_plain_field(kind.value_field))
    if pa.types.is_struct(kind):
        return pa.struct([_plain_field(field) for field in kind])
    return kind


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_plain(field.type))
