"""Frames: how fronts and nodes write messages.

A frame is a header (magic, version, length of the head, length of the body), a head of JSON, and a body of raw arrays
and Arrow tables, each padded to 8 bytes. The head says what lies where. Lengths are checked against limits before
anything is allocated, and arrays against their lengths and a list of types, so a peer can send wrong messages, but none
that is read beyond its end. Nothing is unpickled.
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.cluster.errors import WireError

VERSION = 1
"""Version of the frames and of the verbs in them. Fronts and nodes of one cluster have the same."""

MAGIC = b"SMSC"
HEADER = struct.Struct("<4sHHIQ")
ALIGNMENT = 8

DTYPES = ("|u1", "|b1", "<u2", "<u4", "<i8", "<f4")
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
    """What a frame holds: values of JSON, arrays and tables, by name."""

    head: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]] = {}
    tables: Mapping[str, pa.Table] = {}


def encode(message: Message) -> list[bytes | memoryview]:
    """Return the buffers of a frame."""
    head: dict[str, Any] = {"head": message.head}
    body: list[bytes | memoryview] = []
    size = 0

    def add(data: memoryview) -> int:
        nonlocal size
        padding = -len(data) % ALIGNMENT
        body.append(data)
        if padding:
            body.append(bytes(padding))
        size += len(data) + padding
        return len(data)

    if message.arrays:
        head["arrays"] = [
            [name, array.dtype.str, list(array.shape), add(_bytes(array))] for name, array in message.arrays.items()
        ]
    if message.tables:
        head["tables"] = [[name, add(memoryview(_written(table)))] for name, table in message.tables.items()]
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return [HEADER.pack(MAGIC, VERSION, 0, len(text), size), text, *body]


def read_frame(receive: Callable[[int], memoryview], limits: Limits) -> Message:
    """Read a frame. `receive` returns exactly as many bytes as it is asked for. Raises WireError for a bad frame."""
    head, body = read_header(receive(HEADER.size), limits)
    return decode(receive(head), receive(body))


def read_header(data: memoryview, limits: Limits) -> tuple[int, int]:
    """Return the lengths of head and body. Raises WireError for another protocol or version, and beyond the limits."""
    magic, version, flags, head, body = HEADER.unpack(data)
    if magic != MAGIC:
        raise WireError("found another protocol than that of Seismic's nodes; check the address")
    if version != VERSION:
        raise WireError(f"found frames of version {version}, expected {VERSION}; use one release for the whole cluster")
    if flags:
        raise WireError(f"found unknown flags {flags} in a frame")
    for what, found, limit in (("head", head, limits.head), ("body", body, limits.body)):
        if found > limit:
            raise WireError(f"found a frame whose {what} has {found:,} bytes, expected at most {limit:,}")
    return head, body


def decode(text: memoryview, body: memoryview) -> Message:
    """Return the message of a frame. Arrays are views of the body. Raises WireError."""
    try:
        content = json.loads(bytes(text))
        head = content["head"]
        arrays, tables = content.get("arrays", []), content.get("tables", [])
        if not isinstance(head, dict) or len(arrays) + len(tables) > MOST_PARTS:
            raise WireError("found a frame with another head than a message has")
        reader = _Body(body)
        found = {str(name): _array(reader.take(size), dtype, shape) for name, dtype, shape, size in arrays}
        read = {str(name): _read(reader.take(size)) for name, size in tables}
    except WireError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, pa.ArrowException) as error:
        raise WireError(f"found a malformed frame ({type(error).__name__})") from None
    if reader.at != len(body):
        raise WireError("found a frame whose body is longer than its arrays")
    return Message(head, found, read)


class _Body:
    """Takes one part of a body after the other."""

    def __init__(self, data: memoryview) -> None:
        self._data, self.at = data, 0

    def take(self, size: Any) -> memoryview:
        if type(size) is not int or not 0 <= size <= len(self._data) - self.at:
            raise WireError("found a frame whose arrays are longer than its body")
        part = self._data[self.at : self.at + size]
        self.at += size + -size % ALIGNMENT
        return part


def _array(data: memoryview, dtype: Any, shape: Any) -> npt.NDArray[Any]:
    if dtype not in DTYPES or not isinstance(shape, list) or not 1 <= len(shape) <= MOST_AXES:
        raise WireError("found an array of an unknown type or shape")
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise WireError("found an array of an unknown type or shape")
        count *= length
    kind = np.dtype(dtype)
    if count * kind.itemsize != len(data):
        raise WireError("found an array of another size than its shape has")
    array = np.frombuffer(data, kind).reshape(shape)
    array.flags.writeable = False
    return array


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return memoryview(np.ascontiguousarray(array).ravel().view(np.uint8).data)


def _written(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _read(data: memoryview) -> pa.Table:
    table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
    table.validate(full=True)
    return table
