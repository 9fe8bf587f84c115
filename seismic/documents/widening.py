"""Types that hold the values of two others, and tables in such types."""

import pyarrow as pa

from seismic.documents.casting import castable, is_list


def widened(stored: pa.DataType, found: pa.DataType, *, declared: bool = False) -> pa.DataType | None:
    """Return the type that a stored column needs to also hold values of another type; None if there is none.

    Nulls take any type, integers become floats, and structs get the fields of both. Integers and floats keep their
    width, as a value that does not fit is rather a mistake, unless the wider type is `declared`.
    """
    stored, found = _decoded(stored), _decoded(found)
    if stored == found or pa.types.is_null(found):
        return stored
    if pa.types.is_null(stored):
        return found
    if is_list(stored) and is_list(found):
        return _widened_list(stored, found, declared)
    if pa.types.is_struct(stored) and pa.types.is_struct(found):
        return _widened_struct(stored, found, declared)
    if pa.types.is_integer(stored) and pa.types.is_floating(found):
        return pa.float64()
    if declared and _is_wider_number(stored, found):
        return found
    return stored if castable(found, stored) else None


def holds_null_type(kind: pa.DataType) -> bool:
    """Return whether a type, or one inside it, is that of columns without values."""
    return bool(pa.types.is_null(kind)) or any(holds_null_type(kind.field(at).type) for at in range(kind.num_fields))


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table in a later schema of its collection: in wider types, and with nulls in columns that it lacks."""
    if table.schema.equals(schema):
        return table
    columns = [column_in(table, field.name, field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def column_in(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column in a later type; nulls if the table lacks it."""
    at = table.schema.get_field_index(name)
    if at < 0:
        return pa.chunked_array([pa.nulls(len(table), kind)], kind)
    column = table.column(at)
    return column if column.type == kind else column.cast(kind)


def _widened_list(stored: pa.DataType, found: pa.DataType, declared: bool) -> pa.DataType | None:
    inner = widened(stored.value_type, found.value_type, declared=declared)
    if inner is None or inner == stored.value_type:
        return inner and stored
    if pa.types.is_fixed_size_list(stored):
        return pa.list_(inner, stored.list_size)
    return pa.list_(inner) if pa.types.is_list(stored) else pa.large_list(inner)


def _widened_struct(stored: pa.DataType, found: pa.DataType, declared: bool) -> pa.DataType | None:
    fields = {field.name: field for field in stored}
    for field in found:
        before = fields.get(field.name)
        kind = _decoded(field.type) if before is None else widened(before.type, field.type, declared=declared)
        if kind is None:
            return None
        fields[field.name] = pa.field(field.name, kind, before is None or before.nullable)
    return pa.struct(list(fields.values()))


def _is_wider_number(stored: pa.DataType, found: pa.DataType) -> bool:
    for is_kind in (pa.types.is_signed_integer, pa.types.is_unsigned_integer, pa.types.is_floating):
        if is_kind(stored) and is_kind(found):
            return bool(found.bit_width > stored.bit_width)
    to_signed = pa.types.is_unsigned_integer(stored) and pa.types.is_signed_integer(found)
    return bool(to_signed and found.bit_width > stored.bit_width)


def _decoded(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
