"""Cast columns to a collection's types without altering values, except that floats are rounded to their precision."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.conversion.plain import excerpt
from seismic.documents.values import to_python
from seismic.errors import InputError


def cast_column(column: pa.ChunkedArray, field: pa.Field, name: str) -> pa.ChunkedArray:
    """Cast a column to the type of `field`. Raises InputError, which starts with `name` and names row and field."""
    if column.type == field.type:
        return column
    if not castable(column.type, field.type):
        found = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        raise InputError(f"{name}: field '{field.name}': found {found}, expected {field.type}")
    cast = cast_exactly(column, field.type)
    if cast is None:
        row = next(row for row in range(len(column)) if cast_exactly(column.slice(row, 1), field.type) is None)
        problem = f"found {excerpt(to_python(column[row]))}, expected {field.type}"
        raise InputError(f"{name}: row {row}, field '{field.name}': {problem}")
    return cast


def castable(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether values of one type are values of the other. Nothing becomes text or loses fields of a struct."""
    if pa.types.is_dictionary(found):
        return castable(found.value_type, wanted)
    if is_list(found) and is_list(wanted):
        return castable(found.value_type, wanted.value_type)
    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        fields = {field.name: field.type for field in wanted}
        return all(field.name in fields and castable(field.type, fields[field.name]) for field in found)
    if {_number_kind(found), _number_kind(wanted)} == {"decimal", "float"}:
        return False
    try:
        pa.unify_schemas([pa.schema([("", found)]), pa.schema([("", wanted)])], promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def cast_exactly(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Cast a column; None if that would alter a value."""
    try:
        cast = column.cast(kind)
    except pa.ArrowException:
        return None
    leaves = (_leaves(*chunks) for chunks in zip(column.chunks, cast.chunks, strict=True))
    return None if any(_loses_magnitude(*pair) for pairs in leaves for pair in pairs) else cast


def _leaves(before: pa.Array, after: pa.Array) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Yield the values of both arrays, without lists and structs around them."""
    if pa.types.is_dictionary(before.type):
        before = before.dictionary_decode()
    if is_list(before.type) and is_list(after.type):
        yield from _leaves(pc.list_flatten(before), pc.list_flatten(after))
    elif pa.types.is_struct(before.type) and pa.types.is_struct(after.type):
        for field in before.type:
            yield from _leaves(pc.struct_field(before, field.name), pc.struct_field(after, field.name))
    else:
        yield before, after


def _loses_magnitude(before: pa.Array, after: pa.Array) -> bool:
    """Return whether a float became infinite or zero. Arrow checks integers only."""
    if not (pa.types.is_floating(before.type) and pa.types.is_floating(after.type)):
        return False
    values, stored = _floats(before), _floats(after)
    return bool((np.isfinite(values) != np.isfinite(stored)).any() or ((values == 0) != (stored == 0)).any())


def _number_kind(kind: pa.DataType) -> str | None:
    return "decimal" if pa.types.is_decimal(kind) else "float" if pa.types.is_floating(kind) else None


def is_list(kind: pa.DataType) -> bool:
    """Return whether values are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _floats(array: pa.Array) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    return floats
