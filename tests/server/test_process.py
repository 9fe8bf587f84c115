"""The process: graceful shutdown, and connections without a complete request."""

import http.client
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seismic import ParameterError
from seismic_server import Settings
from seismic_server.process.server import tls_options

from .conftest import PATIENCE, Server, start, wait_for

HEAD = b"POST /v1/collections/tiny/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"query": {"indices": [1], "values": [1.0]}}'


def connect(server: Server) -> socket.socket:
    url = httpx2.URL(server.url)
    return socket.create_connection((url.host, url.port), PATIENCE)


def answer(connection: socket.socket) -> str:
    """Return everything until the other side closes."""
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts).decode()


@pytest.fixture
def begin(tiny: Path, tmp_path: Path):
    """`begin(options)`: a ready server."""
    servers = []

    def begin(*options: str, **limits: Any) -> Server:
        servers.append(start(tiny, tmp_path / "log.jsonl", *options, **limits))
        wait_for(lambda: httpx2.get(f"{servers[0].url}/readyz", timeout=PATIENCE).is_success)
        return servers[0]

    yield begin
    for server in servers:
        server.process.kill()
        server.process.wait(PATIENCE)


def send_for_ever(connection: socket.socket, head: bytes) -> None:
    while True:
        connection.sendall(head)


def running(server: Server) -> int:
    metrics = httpx2.get(f"{server.url}/metrics", timeout=PATIENCE).text
    return int(metrics.partition("\nseismic_requests_in_flight ")[2].split(".")[0])


def test_running_requests_finish_and_new_ones_are_refused(begin):
    server = begin("--shutdown-seconds", "600", "--receive-seconds", "600")
    with connect(server) as slow, httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
        slow.sendall(HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:9])
        wait_for(lambda: running(server) == 2)
        assert client.get("/healthz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        client.close()  # an idle connection may be closed under its next request
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).status_code == 503)
        refused = httpx2.get(f"{server.url}/v1/collections", timeout=PATIENCE)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:problem-type:seismic:draining"
        assert refused.headers["connection"] == "close"
        assert server.process.poll() is None
        slow.sendall(BODY[9:])
        assert '"hits":[{"id":"a"' in answer(slow)
    assert server.process.wait(PATIENCE) == -signal.SIGTERM


def test_the_wait_for_running_requests_is_bounded(begin):
    server = begin("--shutdown-seconds", "0")
    with connect(server) as slow:
        slow.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        wait_for(lambda: running(server) == 2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == -signal.SIGTERM
    assert any(line["event"] == "requests are cut" for line in server.log())


def test_connections_without_a_request_are_closed(begin):
    server = begin("--receive-seconds", "0.2")
    with connect(server) as silent, connect(server) as slow, connect(server) as again:
        slow.sendall(HEAD)
        again.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTT")
        assert answer(silent).startswith("HTTP/1.1 408 ")
        assert answer(slow).startswith("HTTP/1.1 408 ")
        first, _, second = answer(again).partition('{"status":"ok"}')
        assert first.startswith("HTTP/1.1 200 ")
        assert second.startswith("HTTP/1.1 408 ")


@pytest.mark.parametrize("head", [b"X: " + b"x" * 400_000, b"X: x\r\n" * 100_000])
def test_heads_that_are_too_large_are_refused(begin, head):
    server = begin()
    with connect(server) as connection, pytest.raises(ConnectionError):
        send_for_ever(connection, b"GET / HTTP/1.1\r\n" + head)
    assert httpx2.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize("head", [b"X: " + b"x" * (1 << 16), b"X: x\r\n" * 20_000])
def test_heads_that_are_too_large_are_refused_even_if_they_arrive_at_once(begin, head):
    server = begin()
    with connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head.rstrip() + b"\r\n\r\n")
        found = answer(connection)
    assert found.startswith("HTTP/1.1 431 ")
    assert "expected at most 65536 bytes" in found
    assert found.count("HTTP/1.1") == 1


def test_busy_connections_are_all_answered_during_a_shutdown(begin):
    """Each client sends request after request over one connection, until an answer says that it closes."""
    server = begin("--shutdown-seconds", "600", "--threads", "1")
    url, cut, begun = httpx2.URL(server.url), [], threading.Barrier(17)

    def ask() -> None:
        connection = http.client.HTTPConnection(url.host, url.port, timeout=PATIENCE)
        path, headers = "/v1/collections/tiny/search", {"Content-Type": "application/json"}
        try:
            for number in range(1_000_000):
                if number == 5:
                    begun.wait(PATIENCE)
                connection.request("POST", path, BODY, headers)
                response = connection.getresponse()
                content = response.read()
                assert response.status in (200, 503), content
                if response.getheader("connection") == "close":
                    return
        except Exception as error:
            cut.append(error)

    clients = [threading.Thread(target=ask) for _ in range(16)]
    for client in clients:
        client.start()
    begun.wait(PATIENCE)
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        client.join(PATIENCE)
    assert not cut
    assert server.process.wait(PATIENCE) == -signal.SIGTERM


def test_an_open_service_on_a_public_address_warns(begin):
    server = begin("--host", "0.0.0.0")
    warned = [line for line in server.log() if line["level"] == "warning"]
    assert ["everybody who reaches this address" in line["event"] for line in warned] == [True]


@pytest.mark.parametrize("name", ["ssl_keyfile", "ssl_ca_certs", "ssl_keyfile_password"])
def test_tls_needs_a_certificate(name):
    with pytest.raises(ParameterError, match=f"setting '{name}' needs ssl_certfile"):
        tls_options(Settings(directory=Path("x"), **{name: "x"}))
