"""Scrolls and points in time, without anything to keep: their ids say what to read and from where on.

They stay valid across changes and restarts, and in every process that serves the folder.
"""

import base64
import binascii
import zlib
from typing import Any, Literal, NamedTuple

import orjson

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.errors import RefusedError

VERSION = 1
MOST_BYTES = 1 << 20
"""Largest search in the id of a scroll, in bytes."""


class Scroll(NamedTuple):
    """A scroll: the name of the index, the search, and where its next page begins.

    ``cursor``: of documents without a query. Pages of a query begin at ``offset`` while the index is in ``state``.
    ``ended``: there is no further page.
    """

    name: str
    body: dict[str, Any]
    parameters: dict[str, str]
    cursor: str | None
    offset: int
    state: list[Any]
    ended: bool


def encode_scroll(scroll: Scroll) -> str:
    """Return the id of a scroll. Raises RefusedError if its search is too large."""
    return _encode("scroll", list(scroll))


def decode_scroll(id: Any) -> Scroll:
    """Return the scroll of an id. Raises RefusedError."""
    content = _decode("scroll", id)
    try:
        scroll = Scroll(*content)
    except TypeError:
        raise _unknown("scroll", id) from None
    kinds = (str, dict, dict, str | None, int, list, bool)
    if not all(isinstance(part, kind) for part, kind in zip(scroll, kinds, strict=True)) or scroll.offset < 0:
        raise _unknown("scroll", id)
    if not all(isinstance(value, str) for value in scroll.parameters.values()):
        raise _unknown("scroll", id)
    return scroll


def encode_pit(index: str) -> str:
    """Return the id of a point in time."""
    return _encode("pit", [index])


def decode_pit(id: Any) -> str:
    """Return the index of a point in time. Raises RefusedError."""
    content = _decode("pit", id)
    if len(content) != 1 or not isinstance(content[0], str):
        raise _unknown("pit", id)
    return str(content[0])


def _encode(kind: Literal["scroll", "pit"], content: list[Any]) -> str:
    text = orjson.dumps([VERSION, kind, *content])
    if len(text) > MOST_BYTES:
        raise RefusedError(f"scroll: found a search of {len(text)} bytes, expected at most {MOST_BYTES}")
    return base64.urlsafe_b64encode(zlib.compress(text, 1)).decode().rstrip("=")


def _decode(kind: Literal["scroll", "pit"], id: Any) -> list[Any]:
    if not isinstance(id, str):
        raise _unknown(kind, id)
    try:
        packed = base64.b64decode(id + "=" * (-len(id) % 4), altchars=b"-_", validate=True)
        stream = zlib.decompressobj()
        content = orjson.loads(stream.decompress(packed, MOST_BYTES))
        if not stream.eof or content[:2] != [VERSION, kind]:
            raise ValueError(kind)
    except (ValueError, TypeError, binascii.Error, zlib.error):
        raise _unknown(kind, id) from None
    found: list[Any] = content[2:]
    return found


def _unknown(kind: str, id: Any) -> RefusedError:
    field = "scroll_id" if kind == "scroll" else "pit id"
    return RefusedError(f"Cannot parse {field}: found {excerpt(id)}, expected one from an answer")
