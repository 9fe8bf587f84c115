"""Ids of points: unsigned integers and UUIDs, which collections store as text.

A UUID is stored with dashes and in lower case, as Qdrant answers it, unless a collection has it in another form. Any
other text is an id as well.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import InputError
from seismic.view.view import View

_INTEGER = re.compile(r"0|[1-9]\d{0,19}", re.ASCII)
_UUID = re.compile(r"(urn:uuid:)?\{?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\}?")

MOST_INTEGER = (1 << 64) - 1


def shown(id: str | int) -> str | int:
    """Return a stored id as Qdrant answers it: an integer if it is the text of an unsigned one."""
    if isinstance(id, str) and _INTEGER.fullmatch(id) and int(id) <= MOST_INTEGER:
        return int(id)
    return id


def canonical(id: str | int) -> str:
    """Return the text under which a new point is stored."""
    text = str(id)
    return str(UUID(text)) if _UUID.fullmatch(text) else text


def stored(ids: Sequence[str | int], view: View) -> list[Any]:
    """Return the ids as a collection has them, see `stored_in`."""
    return stored_in(ids, view.rules.schema.field("id").type, lambda given: view.find(given) >= 0)


def stored_in(
    ids: Sequence[str | int], kind: pa.DataType, exist: Callable[[pa.Array], npt.NDArray[np.bool_]]
) -> list[Any]:
    """Return the ids as a collection has them: of a UUID the form that it stores, the canonical one for a new point.

    `kind`: the type of the collection's ids. `exist` looks for documents; it is called for UUIDs only. Raises
    InputError for a text in a collection with integer ids.
    """
    if pa.types.is_integer(kind):
        return [_integer(id, kind) for id in ids]
    several = {text: of for text in map(str, ids) if len(of := _forms(text)) > 1}
    asked = [form for of in several.values() for form in of]
    found = dict(zip(asked, exist(pa.array(asked, kind)).tolist(), strict=True)) if asked else {}
    chosen = {text: next((form for form in of if found[form]), canonical(text)) for text, of in several.items()}
    return [chosen.get(text, text) for text in map(str, ids)]


def is_uuid(id: str | int) -> bool:
    """Return whether an id is a UUID, in any form."""
    return isinstance(id, str) and _UUID.fullmatch(id) is not None


def forms(ids: Sequence[str | int], view: View) -> list[str] | list[int]:
    """Return every form in which a collection may have these ids, for a filter."""
    if pa.types.is_integer(view.rules.schema.field("id").type):
        return [int(id) for id in ids if isinstance(id, int) or _INTEGER.fullmatch(id)]
    return list(dict.fromkeys(form for id in ids for form in _forms(str(id))))


def _forms(text: str) -> list[str]:
    """Return the forms of a UUID, the given one first; of any other id the text itself."""
    if not _UUID.fullmatch(text):
        return [text]
    uuid = UUID(text)
    return list(dict.fromkeys((text, str(uuid), uuid.hex)))


def _integer(id: str | int, kind: pa.DataType) -> int:
    if isinstance(id, int):
        return id
    if _INTEGER.fullmatch(id):
        return int(id)
    raise InputError(f"id: found {id!r}, expected an integer: ids of this collection are {kind}")
