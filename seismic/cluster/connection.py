"""Connections of fronts and nodes: frames over a socket, after both sides have proved that they know the secret."""

import hmac
import ipaddress
import re
import secrets
import socket
import ssl
import struct
import time
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from seismic.cluster.errors import RefusedError, WireError
from seismic.cluster.tls import check_greeting, encrypted
from seismic.cluster.wire import GREETING, HEADER, Limits, Message, decode, encode, read_header
from seismic.errors import ParameterError
from seismic.version import __version__

LEAST_SECRET = 16
"""Fewest bytes of a secret."""

NONCE_BYTES = 32

GREETING_SECONDS = 5.0
"""Time for a greeting, TLS included."""

FRAME_SECONDS = 30.0
"""Time for the bytes of a frame."""

LEAST_SECONDS = 0.001
"""Shortest timeout: one of 0 would make a socket non-blocking."""

READ_BYTES = 4096
"""Room for a frame until its length is known: most requests and answers fit."""


_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|((?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63})):([0-9]{1,5})")
"""[IPV6]:PORT or HOST:PORT."""


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, where: str = "address", least_port: int = 1) -> "Address":
        """Return the address of HOST:PORT or [IPV6]:PORT. Raises ParameterError.

        `least_port`: 0 where the system may choose one.
        """
        found = _ADDRESS.fullmatch(str(text))
        host, port = (found[1] or found[2], int(found[3])) if found else ("", -1)
        if not least_port <= port <= 65535 or (found and found[1] and not _is_ipv6(host)):
            raise ParameterError(f"{where}: found {text!r}, expected HOST:PORT, or [IPV6]:PORT")
        return cls(host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


class FrameReader:
    """Reads frames from a socket, as far as bytes have come."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._start(b"")

    def _start(self, data: bytes | memoryview) -> None:
        """Begin a frame with bytes that came after the last one."""
        most = HEADER.size + self.limits.head + self.limits.body
        self._buffer = bytearray(max(len(data), min(most, READ_BYTES)))
        if data:
            self._buffer[: len(data)] = data
        self._filled, self._size = len(data), 0

    def read(self, sock: socket.socket) -> Message | None:
        """Read once, unless a frame is complete. Return its message; None if bytes are missing.

        Raises WireError, ConnectionError at the end of the stream, and OSError of the socket.
        """
        if (message := self._message()) is not None:
            return message
        count = sock.recv_into(memoryview(self._buffer)[self._filled :])
        if count == 0:
            raise ConnectionResetError("the peer closed the connection")
        self._filled += count
        return self._message()

    def advance(self, sock: socket.socket) -> Message | None:
        """Read a non-blocking socket until a frame is complete. Return its message; None if bytes are missing yet.

        Raises like `read`.
        """
        try:
            while (message := self.read(sock)) is None:
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        return message

    def _message(self) -> Message | None:
        """Return the message of a complete frame."""
        if self._size == 0 and self._filled >= HEADER.size:
            self._size = HEADER.size + sum(read_header(memoryview(self._buffer), self.limits))
            if self._size > len(self._buffer):
                self._buffer += bytes(self._size - len(self._buffer))
        if self._size == 0 or self._filled < self._size:
            return None
        content = memoryview(self._buffer)
        frame, rest = content[: self._size], content[self._size : self._filled]
        self._start(rest)
        return decode(frame)


class Connection:
    """A socket with the frames of one request and its answer at a time."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self.socket, self.reader = sock, FrameReader(limits)

    def send(self, message: Message, seconds: float = FRAME_SECONDS) -> None:
        """Send a message. Raises OSError."""
        self.socket.settimeout(seconds)
        self.socket.sendall(encode(message))

    def receive(self, until: float) -> Message:
        """Return the next message, complete `until` a time of `time.monotonic`. Raises OSError and WireError."""
        message = None
        while message is None:
            self.socket.settimeout(max(LEAST_SECONDS, until - time.monotonic()))
            message = self.reader.read(self.socket)
        return message

    def block(self) -> None:
        """Let `wait` and `answer` block, for at most `FRAME_SECONDS` where they do not wait for a request."""
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(FRAME_SECONDS), 0))

    def wait(self) -> Message:
        """Return the next message, which may come at any time, but not slowly. Raises OSError and WireError."""
        if (message := self.reader.read(self.socket)) is None:
            message = self.receive(time.monotonic() + FRAME_SECONDS)
            self.socket.settimeout(None)
        return message

    def answer(self, message: Message) -> None:
        """Send a message as fast as the peer takes it. Raises OSError."""
        self.socket.sendall(encode(message))

    def close(self) -> None:
        """Close the socket, which ends the request."""
        try:
            self.socket.close()
        except OSError:
            return


def read_secret(path: Path) -> bytes:
    """Return the secret of a cluster from a file, without space around it. Raises ParameterError."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ParameterError(f"secret file {path}: {error.strerror}; make one: openssl rand -hex 32") from None
    if len(secret) < LEAST_SECRET:
        raise ParameterError(
            f"secret file {path}: found {len(secret)} bytes, expected at least {LEAST_SECRET}: openssl rand -hex 32"
        )
    return secret


def connect(address: Address, secret: bytes, limits: Limits, tls: ssl.SSLContext | None, seconds: float) -> Connection:
    """Open a connection to a node. Raises OSError, WireError, and RefusedError if a side does not know the secret."""
    until = time.monotonic() + seconds
    sock = socket.create_connection(address, timeout=seconds)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = encrypted(sock, tls, address.host)
        connection = Connection(sock, GREETING)
        try:
            greeting = connection.receive(until)
        except TimeoutError:
            raise TimeoutError("no greeting: it hangs, or is no node") from None
        check_greeting(greeting)
        theirs, ours = _nonce(greeting), secrets.token_hex(NONCE_BYTES)
        connection.send(Message({"nonce": ours, "proof": _proof(secret, "front", theirs, ours)}))
        answer = connection.receive(until)
        if not hmac.compare_digest(str(answer.head.get("proof")), _proof(secret, "node", ours, theirs)):
            raise RefusedError(f"node {address} has another secret; use the same secret file for the whole cluster")
    except BaseException:
        sock.close()
        raise
    connection.reader.limits = limits
    return connection


def greet(connection: Connection, secret: bytes, limits: Limits) -> None:
    """Let a front prove that it knows the secret. Raises OSError, WireError and RefusedError."""
    ours, until = secrets.token_hex(NONCE_BYTES), time.monotonic() + GREETING_SECONDS
    connection.send(Message({"seismic": __version__, "nonce": ours}), GREETING_SECONDS)
    answer = connection.receive(until)
    theirs = _nonce(answer)
    if not hmac.compare_digest(str(answer.head.get("proof")), _proof(secret, "front", ours, theirs)):
        connection.send(Message({"error": "refused"}), GREETING_SECONDS)
        raise RefusedError("a peer has another secret")
    connection.send(Message({"proof": _proof(secret, "node", theirs, ours)}), GREETING_SECONDS)
    connection.reader.limits = limits


def _nonce(message: Message) -> str:
    nonce = message.head.get("nonce")
    if not isinstance(nonce, str) or len(nonce) != 2 * NONCE_BYTES:
        raise WireError("found no challenge in a greeting")
    return nonce


def _proof(secret: bytes, role: str, *nonces: str) -> str:
    """Return the HMAC of both nonces. `role` keeps a peer from answering with what the other side sent it."""
    return hmac.new(secret, "|".join([role, *nonces]).encode(), sha256).hexdigest()
