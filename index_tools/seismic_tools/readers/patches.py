"""JSON lines of patches: their vectors apart from their columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seismic import Index, InputError
from seismic.conversion.plain import excerpt
from seismic.fields.vectors import INDICES, VALUES

MAPS = ("vector", "tokens")
"""Names of a map from token to weight."""


def split_rows(
    rows: Sequence[tuple[int, dict[str, Any]]], file: Path, index: Index
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the columns of each row, and the arguments of `seismic.patch` with their vectors, None where one stays.

    `rows`: with the numbers of their lines. A name that is a column of the collection is no vector. Raises InputError.
    """
    names = [field.name for field in index.fields]
    columns, vectors = list[dict[str, Any]](), list[dict[str, Any]]()
    for line, row in rows:
        where, rest = f"{file}, line {line}", dict(row)
        found = _by_field(rest, names, set(index.columns), where)
        if len(names) < 2 and (plain := _vector(rest, set(index.columns), "", where)) is not None:
            if found:
                raise InputError(f"{where}: found a vector next to that of '{names[0]}', expected only one of both")
            found = {names[0] if names else "": plain}
        columns.append(rest)
        vectors.append(found)
    given = {name: [row.get(name) for row in vectors] for name in names or [""] if any(name in row for row in vectors)}
    if not given:
        return columns, {}
    return columns, {"fields": given} if names else {"vectors": given[""]}


def _by_field(row: dict[str, Any], names: Sequence[str], columns: set[str], where: str) -> dict[str, Any]:
    """Take the vectors with names out of a row."""
    found = dict[str, Any]()
    parts = row.pop("fields", None) if names and "fields" not in columns else None
    if parts is not None:
        if not isinstance(parts, Mapping) or not parts.keys() <= set(names):
            raise InputError(f"{where}: 'fields' is {excerpt(parts)}, expected vectors of {', '.join(names)}")
        for name, part in parts.items():
            part = dict(part) if isinstance(part, Mapping) else {"": part}
            vector = _vector(part, set(), "", f"{where}, field '{name}'")
            if vector is None or part:
                raise InputError(f"{where}, field '{name}': expected 'indices' and 'values', or 'tokens'")
            found[name] = vector
    for name in names:
        if (vector := _vector(row, columns, name, where)) is not None:
            if name in found:
                raise InputError(f"{where}: found two vectors of the field '{name}', expected only one")
            found[name] = vector
    return found


def _vector(row: dict[str, Any], columns: set[str], field: str, where: str) -> dict[Any, Any] | None:
    """Take a vector out of a row: from component or token to weight; None if it has none."""
    ends = (field + INDICES, field + VALUES) if field else ("indices", "values")
    pair = [name for name in ends if name in row and name not in columns]
    maps = [name for name in MAPS if not field and name in row and name not in columns]
    if not pair and not maps:
        return None
    if len(pair) + 2 * len(maps) != 2:
        found = ", ".join([*pair, *maps])
        raise InputError(f"{where}: found {found}, expected '{ends[0]}' and '{ends[1]}', or one map of tokens")
    if maps:
        weights = row.pop(maps[0])
        if not isinstance(weights, Mapping):
            raise InputError(f"{where}: '{maps[0]}' is {excerpt(weights)}, expected a map from token to weight")
        return dict(weights)
    indices, values = (row.pop(name) for name in ends)
    if not (isinstance(indices, list) and isinstance(values, list) and len(indices) == len(values)):
        raise InputError(f"{where}: expected '{ends[0]}' and '{ends[1]}' to be lists of equal length")
    if not all(type(one) in (int, str) for one in indices):
        raise InputError(f"{where}: '{ends[0]}' is {excerpt(indices)}, expected components or tokens")
    vector = dict(zip(indices, values, strict=True))
    if len(vector) < len(indices):
        raise InputError(f"{where}: '{ends[0]}' is {excerpt(indices)}, expected each component once")
    return vector
