"""Frames: how fronts and nodes write messages.

A frame is a header (magic, version, form of the head, time that is left, lengths of head and body), a head of JSON, and
a body of raw arrays and Arrow tables. All of these begin at multiples of 8 bytes: kernels are compiled for aligned
arrays. The head says what lies where. Lengths are checked against limits before anything is allocated, and arrays
against their lengths and a list of types, so a peer can send wrong messages, but none that is read beyond its end.
Nothing is unpickled.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from seismic.cluster.errors import WireError

VERSION = 2
"""Version of the frames and of the verbs in them. Fronts and nodes of one cluster have the same."""

MAGIC = b"SMSC"
HEADER = struct.Struct("<4sHHfIQ")
ALIGNMENT = 8

FAST, EXACT = 0, 1
"""Forms of a head: JSON of orjson, or of Python, which has NaN, infinity and integers beyond 64 bits."""

_PADDING = [b" " * count for count in range(ALIGNMENT)]
_EXACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)

DTYPES = {name: np.dtype(name) for name in ("|u1", "|b1", "<u2", "<u4", "<i8", "<f4")}
MOST_PARTS, MOST_AXES = 64, 2
"""Most arrays and tables in a message, and most axes of an array."""


class Limits(NamedTuple):
    """The largest head and body of a frame, in bytes."""

    head: int
    body: int


GREETING = Limits(1 << 10, 0)
"""Limits before a peer is known."""

REQUEST = Limits(32 << 20, 256 << 20)
ANSWER = Limits(64 << 20, 1 << 30)


class Message(NamedTuple):
    """What a frame holds: values of JSON, arrays and tables, by name.

    ``timeout_ms``: milliseconds after which the asker gives up; 0: never.
    """

    head: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]] = {}
    tables: Mapping[str, pa.Table] = {}
    timeout_ms: float = 0.0


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    head: dict[str, Any] = {"head": message.head}
    body: list[Any] = []
    size = 0
    if message.arrays:
        head["arrays"] = [[name, array.dtype.str, array.shape] for name, array in message.arrays.items()]
        for array in message.arrays.values():
            padding = _PADDING[-array.nbytes % ALIGNMENT]
            body += [np.ascontiguousarray(array), padding]
            size += array.nbytes + len(padding)
    if message.tables:
        written = {name: _written(table) for name, table in message.tables.items()}
        head["tables"] = [[name, data.size] for name, data in written.items()]
        for data in written.values():
            padding = _PADDING[-data.size % ALIGNMENT]
            body += [data, padding]
            size += data.size + len(padding)
    form, text = _written_head(head)
    text += _PADDING[-len(text) % ALIGNMENT]
    return b"".join([HEADER.pack(MAGIC, VERSION, form, message.timeout_ms, len(text), size), text, *body])


def _written_head(head: Mapping[str, Any]) -> tuple[int, bytes]:
    """Return the form and the JSON of a head."""
    try:
        text = orjson.dumps(head, option=orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME)
        if b"null" not in text:  # which orjson also writes for NaN and infinity
            return FAST, text
    except orjson.JSONEncodeError:
        pass  # Python says what is wrong, unless it is just a large integer
    return EXACT, _EXACT.encode(head).encode()


def read_header(data: memoryview, limits: Limits) -> tuple[int, int]:
    """Return the lengths of head and body. Raises WireError for another protocol or version, and beyond the limits."""
    magic, version, form, _, head, body = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise WireError("found another protocol than that of Seismic's nodes; check the address")
    if version != VERSION:
        raise WireError(f"found frames of version {version}, expected {VERSION}; use one release for the whole cluster")
    if form not in (FAST, EXACT):
        raise WireError(f"found a head of the unknown form {form} in a frame")
    for what, found, limit in (("head", head, limits.head), ("body", body, limits.body)):
        if found > limit:
            raise WireError(f"found a frame whose {what} has {found:,} bytes, expected at most {limit:,}")
    return head, body


def decode(frame: memoryview) -> Message:
    """Return the message of a frame whose header was read. Its arrays share the frame's memory. Raises WireError."""
    _, _, form, timeout_ms, length, _ = HEADER.unpack_from(frame)
    at = HEADER.size + length
    found: dict[str, npt.NDArray[Any]] = {}
    read: dict[str, pa.Table] = {}
    try:
        text = frame[HEADER.size : at]
        content = orjson.loads(text) if form == FAST else json.loads(str(text, "utf-8"))
        head = content["head"]
        arrays, tables = content.get("arrays", []), content.get("tables", [])
        if not isinstance(head, dict) or len(arrays) + len(tables) > MOST_PARTS:
            raise WireError("found a frame with another head than a message has")
        for name, dtype, shape in arrays:
            kind = DTYPES[dtype]
            size = kind.itemsize * _product(shape)
            found[str(name)] = np.ndarray(shape, kind, frame, _checked(at, size, frame))
            at += size + -size % ALIGNMENT
        for name, size in tables:
            start = _checked(at, size, frame)
            read[str(name)] = _read(frame[start : start + size])
            at += size + -size % ALIGNMENT
    except WireError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, pa.ArrowException) as error:
        raise WireError(f"found a malformed frame ({type(error).__name__})") from None
    if at != len(frame):
        raise WireError("found a frame whose body is longer than its arrays")
    return Message(head, found, read, timeout_ms)


def _product(shape: Any) -> int:
    """Return the number of values of an array. Raises WireError for what is no shape."""
    count = 1
    for length in shape if isinstance(shape, list) and 1 <= len(shape) <= MOST_AXES else (-1,):
        if type(length) is not int or length < 0:
            raise WireError("found an array of an unknown shape")
        count *= length
    return count


def _checked(at: int, size: Any, frame: memoryview) -> int:
    """Return where an array or table begins. Raises WireError unless it ends within the frame."""
    if type(size) is not int or not 0 <= size <= len(frame) - at:
        raise WireError("found a frame whose arrays are longer than its body")
    return at


def _written(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _read(data: memoryview) -> pa.Table:
    table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    table.validate(full=True)
    return table
