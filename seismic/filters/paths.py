"""Keys of columns: `lang`, or `author.name` for a field of a struct."""

import reprlib
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Path: TypeAlias = tuple[str, ...]
"""A column, and the fields of structs to follow."""

ID: Path = ("id",)

MAX_KEY = 1024
"""Characters of the longest key that leads into structs."""


class UnknownKeyError(ValueError):
    """A key names no column or no field. Its text says what there is."""


def resolve(key: str, kinds: Mapping[str, pa.DataType]) -> tuple[Path, pa.DataType]:
    """Return the path of a key and the type there, that of one document's value or values.

    A column with this very name comes first. Otherwise dots separate a column from the fields of its structs, and a
    backslash makes the next character part of a name: `a\\.b.c` is the field `c` of the column `a.b`. Behind a list of
    structs the type is a list of the field's type. Raises UnknownKeyError.
    """
    if key in kinds:
        return (key,), kinds[key]
    path = split(key) if len(key) <= MAX_KEY else (key,)
    if path[0] not in kinds:
        shown = reprlib.repr(path[0] if len(path) > 1 else key)
        raise UnknownKeyError(f"unknown column {shown}; this collection has {', '.join(kinds) or 'no columns'}")
    kind, listed = kinds[path[0]], False
    for depth, step in enumerate(path[1:], 1):
        if is_list(kind):
            kind, listed = kind.value_type, True
        where = ".".join(path[:depth])
        if not pa.types.is_struct(kind):
            raise UnknownKeyError(f"unknown column {reprlib.repr(key)}: '{where}' is {kind} and has no fields")
        fields = {field.name: field.type for field in kind}
        if step not in fields:
            known = ", ".join(fields) or "none"
            raise UnknownKeyError(f"unknown field {reprlib.repr(step)} of '{where}', which has {known}")
        kind = fields[step]
    return path, kind if is_list(kind) or not listed else pa.list_(kind)


def split(key: str) -> Path:
    """Return the names that unescaped dots separate."""
    names, name, characters = [], "", iter(key)
    for character in characters:
        if character == ".":
            names.append(name)
            name = ""
        else:
            name += next(characters, character) if character == "\\" else character
    return (*names, name)


def is_list(kind: pa.DataType) -> bool:
    """Return whether a row holds a list of values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


class Flat(NamedTuple):
    """Values at the end of a path. ``rows`` int64 [values], ascending: whose value it is; None: a value per row."""

    values: pa.Array
    rows: npt.NDArray[np.int64] | None

    def flattened(self) -> "Flat":
        """Return the elements if the values are lists, else the values themselves."""
        if not is_list(self.values.type):
            return self
        parents = pc.list_parent_indices(self.values).to_numpy().astype(np.int64)
        return Flat(pc.list_flatten(self.values), parents if self.rows is None else self.rows[parents])

    def rows_where(self, mask: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
        """Return which of `count` rows have a value that the mask, bool [values], selects."""
        if self.rows is None:
            return mask
        rows = np.zeros(count, bool)
        rows[self.rows[mask]] = True
        return rows


def follow(column: pa.Array, fields: Path) -> Flat:
    """Return the values of a chunk of a column at the end of a path of fields. Lists at the end stay lists."""
    flat = Flat(column, None)
    for field in fields:
        flat = flat.flattened()
        flat = Flat(pc.struct_field(flat.values, field), flat.rows)
    return flat
