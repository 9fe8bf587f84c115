"""Frames: what is read equals what was written, whatever it is and in whatever pieces it comes."""

import math
import socket
import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seismic.cluster.connection import Connection
from seismic.cluster.errors import WireError
from seismic.cluster.wire import GREETING, REQUEST, Message, decode, encode


def read(frame: bytes) -> Message:
    return decode(memoryview(bytearray(frame)))


@pytest.mark.parametrize("length", range(9))
def test_arrays_are_aligned(length: int) -> None:
    """Kernels are compiled for arrays that are."""
    arrays: dict[str, Any] = {
        "flags": np.array([True, False, True]),
        "numbers": np.arange(6).reshape(2, 3),
        "scores": np.arange(length, dtype=np.float32),
        "empty": np.zeros((2, 0), np.int64),
        "components": np.arange(7, dtype=np.uint32)[::2],
    }
    message = Message({"verb": "x" * length}, arrays, {"rows": pa.table({"id": ["a", "b"]})}, timeout_ms=1.5)
    found = read(encode(message))
    assert (found.head, found.timeout_ms, found.tables) == (message.head, 1.5, message.tables)
    for name, array in arrays.items():
        assert np.array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].flags.aligned


HEADS: list[dict[str, Any]] = [
    {"ids": ["d1", "ü", "null", 7, -(1 << 63), (1 << 64) - 1]},
    {"filter": None, "bound": math.inf, "least": -math.inf},
    {"large": 1 << 80, "share": 0.1, "nested": [[{"deep": [True, ()]}]]},
    {"one": 1e308, "other": 5e-324},
]


@pytest.mark.parametrize("head", HEADS)
def test_heads_are_exact(head: dict[str, Any]) -> None:
    found = read(encode(Message(head))).head
    assert found == {name: [[{"deep": [True, []]}]] if name == "nested" else value for name, value in head.items()}
    assert [type(value) for value in found.values()] == [type(value) for value in head.values()]


def test_nan_stays_nan() -> None:
    assert math.isnan(read(encode(Message({"value": math.nan}))).head["value"])


def test_frames_in_pieces() -> None:
    """Frames that come byte by byte, several at once, or longer than the room for most of them."""
    near, far = socket.socketpair()
    large = Message({"verb": "large"}, {"numbers": np.arange(1 << 16)})
    messages = [Message({"verb": "first"}), Message({"verb": "second"}), large, Message({"verb": "last"})]
    data = b"".join(map(encode, messages))

    def send() -> None:
        for at in range(300):
            near.sendall(data[at : at + 1])
        near.sendall(data[300:])

    sending = threading.Thread(target=send)
    sending.start()
    connection = Connection(far, REQUEST)
    connection.block()
    found = [connection.wait() for _ in messages]
    sending.join()
    near.close()
    with pytest.raises(ConnectionResetError, match="the peer closed the connection"):
        connection.wait()
    connection.close()
    assert [one.head for one in found] == [one.head for one in messages]
    assert np.array_equal(found[2].arrays["numbers"], large.arrays["numbers"])


def test_frames_beyond_the_limits_are_not_read() -> None:
    near, far = socket.socketpair()
    near.sendall(encode(Message({"verb": "x" * 2000})))
    with pytest.raises(WireError, match=r"head has 2,0\d\d bytes, expected at most 1,024"):
        Connection(far, GREETING).wait()
    near.close()
    far.close()
