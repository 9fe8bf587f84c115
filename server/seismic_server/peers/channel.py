"""Calls between two processes over a socket, in both directions."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

import orjson
import structlog

import seismic.errors
from seismic import SeismicError, StorageError

Handler: TypeAlias = Callable[..., Awaitable[Any]]
"""Answers a call with a value that JSON can express."""

_LENGTH = struct.Struct("<I")

log = structlog.get_logger("server")


class ChannelClosedError(StorageError):
    """The other process has ended."""


class Channel:
    """One end of a pair of sockets. Belongs to the event loop.

    A message is its length and JSON: [id, name, arguments] of a call, or [id, error, result] of its answer, whose id is
    negative.
    """

    def __init__(self, end: socket.socket, handlers: Mapping[str, Handler]) -> None:
        self._end, self._handlers = end, handlers
        self._writer: asyncio.StreamWriter | None = None
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._last, self._closed = 0, False
        self._open = asyncio.Event()

    async def run(self) -> None:
        """Answer calls until the other process ends."""
        self._end.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=self._end)
        self._open.set()
        try:
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                self._receive(*orjson.loads(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            await asyncio.sleep(0)  # calls that have arrived begin, such as the last words of a process
        finally:
            self.close()

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """Return the result of a call, once `run` has begun. Raises the other's error, or ChannelClosedError."""
        await self._open.wait()
        self._last = number = self._last + 1
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            self._send([number, name, arguments])
            return await answer
        finally:
            self._calls.pop(number, None)

    def close(self) -> None:
        """End the connection, and all calls that wait for an answer."""
        self._closed = True
        self._open.set()
        if self._writer:
            self._writer.close()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(_closed())
                answer.exception()  # its caller may be gone
        for task in self._running:
            task.cancel()

    def _send(self, message: list[Any]) -> None:
        if self._closed or self._writer is None:
            raise _closed()
        data = orjson.dumps(message)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    def _receive(self, number: int, what: Any, value: Any) -> None:
        if number < 0:
            answer = self._calls.get(-number)
            if answer and not answer.done():
                if what is None:
                    answer.set_result(value)
                else:
                    answer.set_exception(error_of(**what))
            return
        task = asyncio.create_task(self._answer(number, what, value))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, number: int, name: str, arguments: dict[str, Any]) -> None:
        with suppress(ChannelClosedError):
            try:
                self._send([-number, None, await self._handlers[name](**arguments)])
            except ChannelClosedError:
                raise
            except SeismicError as problem:
                self._send([-number, {"kind": type(problem).__name__, "message": str(problem)}, None])
            except Exception:
                log.exception("a call between processes failed", call=name)
                message = f"the call '{name}' failed; the server's log has the cause"
                self._send([-number, {"kind": "StorageError", "message": message}, None])


def send(end: socket.socket, message: Any) -> None:
    """Send a first message, before the channel runs. Blocks."""
    data = orjson.dumps(message)
    end.sendall(_LENGTH.pack(len(data)) + data)


def receive(end: socket.socket) -> Any:
    """Return the first message. Blocks. Raises ChannelClosedError."""
    (length,) = _LENGTH.unpack(_exactly(end, _LENGTH.size))
    return orjson.loads(_exactly(end, length))


def _exactly(end: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = end.recv(count - len(data))
        if not part:
            raise _closed()
        data += part
    return data


def _closed() -> ChannelClosedError:
    return ChannelClosedError("the other process has ended")


def error_of(kind: str, message: str) -> SeismicError:
    """Return an error of another process, without the attributes of its class."""
    found: type[SeismicError] = getattr(seismic.errors, kind, SeismicError)
    error = found.__new__(found)
    Exception.__init__(error, message)
    return error
