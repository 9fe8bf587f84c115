"""A minimal HTTP client: one connection, one request at a time."""

import socket
from typing import Self


class Caller:
    """One connection to a service."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of the answer; ConnectionError also for a status other than 200."""
        self._socket.sendall(request)
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._receive()
        head = bytes(answer[:end]).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(answer) < end + 4 + length:
            answer += self._receive()
        body = bytes(answer[end + 4 :])
        if head[9:12] != b"200":
            raise ConnectionError(f"the service answered {head[9:12].decode()}: {body[:500].decode()}")
        return body

    def _receive(self) -> bytes:
        part = self._socket.recv(1 << 20)
        if not part:
            raise ConnectionError("the service closed the connection")
        return part
