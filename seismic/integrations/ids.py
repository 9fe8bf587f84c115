"""Ids as other libraries have them, in the type of a collection."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from seismic.errors import InputError
from seismic.index import Index


def has_whole_ids(index: Index) -> bool:
    """Return whether the ids of a collection are integers."""
    return bool(pa.types.is_integer(index.view.rules.schema.field("id").type))


def is_whole(id: str | int) -> bool:
    """Return whether an id is an integer, perhaps as text."""
    return str(id).removeprefix("-").isdecimal()


def typed_ids(index: Index, ids: Sequence[str | int]) -> list[Any]:
    """Return ids in the type of the collection. Raises InputError."""
    if not has_whole_ids(index):
        return [str(id) for id in ids]
    for id in ids:
        if not is_whole(id):
            raise InputError(f"found id '{id}', expected integers as in collection '{index.name}'")
    return [int(id) for id in ids]
