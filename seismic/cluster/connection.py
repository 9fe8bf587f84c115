"""Connections of fronts and nodes: frames over a socket, after both sides have proved that they know the secret."""

import hmac
import ipaddress
import re
import secrets
import socket
import ssl
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
        self._lengths: tuple[int, int] | None = None
        self._start(HEADER.size)

    def _start(self, size: int) -> None:
        self._buffer, self._filled = bytearray(size), 0

    @property
    def idle(self) -> bool:
        """Whether no byte of a frame has come."""
        return self._lengths is None and self._filled == 0

    def advance(self, sock: socket.socket) -> Message | None:
        """Read until a frame is complete, and return its message; None if no more bytes are there yet.

        Raises WireError, ConnectionError at the end of the stream, and TimeoutError of a blocking socket.
        """
        try:
            while True:
                if (message := self._step(sock)) is not None:
                    return message
        except (BlockingIOError, ssl.SSLWantReadError):
            return None

    def receive(self, sock: socket.socket, until: float | None = None) -> Message:
        """Return the next message of a blocking socket. Raises TimeoutError if it is not there `until` then."""
        message = None
        while message is None:
            if until is not None:
                sock.settimeout(max(LEAST_SECONDS, until - time.monotonic()))
            message = self._step(sock)
        return message

    def _step(self, sock: socket.socket) -> Message | None:
        """Read once."""
        if self._filled < len(self._buffer):
            count = sock.recv_into(memoryview(self._buffer)[self._filled :])
            if count == 0:
                raise ConnectionResetError("the peer closed the connection")
            self._filled += count
        if self._filled < len(self._buffer):
            return None
        if self._lengths is None:
            self._lengths = read_header(memoryview(self._buffer), self.limits)
            self._start(sum(self._lengths))
            return None
        head, _ = self._lengths
        content = memoryview(self._buffer).toreadonly()
        self._lengths = None
        self._start(HEADER.size)
        return decode(content[:head], content[head:])


class Connection:
    """A socket with the frames of one request and its answer at a time."""

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self.socket, self.reader = sock, FrameReader(limits)

    def send(self, message: Message, seconds: float = FRAME_SECONDS) -> None:
        """Send a message. Raises OSError."""
        self.send_buffers(encode(message), seconds)

    def send_buffers(self, buffers: list[bytes | memoryview], seconds: float = FRAME_SECONDS) -> None:
        """Send an encoded message. Raises OSError."""
        self.socket.settimeout(seconds)
        self.socket.sendall(buffers[0] if len(buffers) == 1 else b"".join(buffers))

    def receive(self, until: float | None) -> Message:
        """Return the next message, complete `until` a time of `time.monotonic`. Raises OSError and WireError."""
        if until is None:
            self.socket.settimeout(None)
        return self.reader.receive(self.socket, until)

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
