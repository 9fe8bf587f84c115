"""Metadata of documents: JSON that comes back as it was given, and a column per key for filters."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.errors import InputError

TIME = ":time"
"""Ending of the column that holds the times which ISO 8601 texts of a column mean."""

_SCALARS = str | bool | int | float


def to_json(value: Any, what: str) -> str:
    """Return JSON. Raises InputError, which starts with `what`, for a value that JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: {error}; expected texts, numbers, booleans, lists and mappings of them") from None


def from_json(text: Any, what: str) -> dict[str, Any]:
    """Return the object that JSON holds. Raises InputError, which starts with `what`."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InputError(f"{what}: found {excerpt(text)}, expected a JSON object; name another column")
    return value


def to_columns(metadata: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, pa.Array]:
    """Return a column per key, called `<prefix>.<key>` with dots between nested keys, for filters.

    Lists of anything except texts, numbers and booleans have no column. Texts that are dates or times in ISO 8601 have
    a second column, `<prefix>.<key>:time`. Raises InputError if the values of a column have different types.
    """
    rows = [_flat(one, prefix) for one in metadata]
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        try:
            columns[name] = pa.array([row.get(name) for row in rows])
        except (pa.ArrowException, OverflowError) as error:
            raise InputError(f"column '{name}': {error}; expected values of one type") from None
    return columns


def _flat(metadata: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InputError(f"{prefix}: found {excerpt(metadata)}, expected a mapping")
    cells: dict[str, Any] = {}
    for key, value in metadata.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            cells |= _flat(value, name)
        elif isinstance(value, _SCALARS) or (
            isinstance(value, list) and value and all(isinstance(one, _SCALARS) for one in value)
        ):
            cells[name] = value
            if isinstance(value, str) and (found := instant(value)):
                cells[name + TIME] = found
    return cells


def instant(text: str) -> datetime | None:
    """Return the time that an ISO 8601 text with at least a whole date means, in UTC unless it says otherwise."""
    if len(text) < len("2024-05-01") or not text[0].isdecimal():
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
