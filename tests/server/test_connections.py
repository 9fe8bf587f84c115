"""Limits on connections and open files."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from seismic_server.http.connections import RESERVED, Connections
from seismic_server.process import files
from seismic_server.process.files import FOR_FILES, Capacity, capacity

from .conftest import PATIENCE, Server, wait_for
from .test_process import BODY, HEAD, answer, begin, connect  # noqa: F401 (a fixture)

URL = "/v1/collections/tiny/search"


class Fake:
    """A connection that notes what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def give_way(self) -> None:
        self.events.append("gives way")

    def end_soon(self) -> None:
        self.events.append("ends soon")


def test_the_connection_that_waits_longest_gives_way():
    connections, (a, b, c, d) = Connections(2), (Fake(), Fake(), Fake(), Fake())
    assert [connections.enter(a), connections.enter(b)] == ["any", "any"]
    connections.works(a)
    connections.waits(a)  # now b waits longest
    assert connections.enter(c) == "any"
    assert (a.events, b.events) == ([], ["gives way"])
    connections.waits(b)  # no longer counts
    connections.works(a)
    connections.works(c)
    assert connections.enter(d) == "probes"
    connections.leave(d)
    connections.leave(a)
    assert (len(connections), connections.exceeded) == (1, False)
    assert connections.enter(d) == "any"


def test_working_connections_leave_some_for_probes():
    connections, fakes = Connections(3), [Fake() for _ in range(3 + RESERVED + 1)]
    places = []
    for fake in fakes:
        places.append(connections.enter(fake))
        connections.works(fake)
    assert places == ["any"] * 3 + ["probes"] * RESERVED + ["none"]
    connections.drain()
    assert all(fake.events == ["ends soon"] for fake in fakes)


@pytest.mark.parametrize(
    ("wanted", "limit", "found"),
    [
        (4096, 100_000, Capacity(4096, 2048, 100_000)),
        (4096, 10 + FOR_FILES + 900, Capacity(600, 300, 1038)),
        (100, 10 + FOR_FILES + 900, Capacity(100, 300, 1038)),
        (4096, 20, Capacity(2, 1, 20)),
    ],
)
def test_open_files_limit_connections(monkeypatch, wanted, limit, found):
    monkeypatch.setattr(files, "_open_files", lambda: 10)
    monkeypatch.setattr(files, "raise_open_files", lambda: limit)
    assert capacity(wanted) == found


def test_the_soft_limit_on_open_files_is_raised(monkeypatch):
    limits = [(64, 4096)]
    monkeypatch.setattr(files.resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(files.resource, "setrlimit", lambda _, both: limits.append(both))
    assert files.raise_open_files() == 4096
    assert limits == [(64, 4096), (4096, 4096)]
    limits.append((64, resource.RLIM_INFINITY))
    assert files.raise_open_files() == files.MOST_FILES


@contextmanager
def flood(server: Server, content: bytes, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sockets.append(stack.enter_context(connect(server)))
            if content:
                sockets[-1].sendall(content)
        yield sockets


SLOW_BODY = HEAD + b"Content-Length: 9\r\n\r\n{"


@pytest.mark.parametrize("content", [b"", b"GET / HT", HEAD, SLOW_BODY, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_flood_of_connections_shuts_nobody_out(begin, content):  # noqa: F811
    server = begin("--receive-seconds", "3600", limits={resource.RLIMIT_NOFILE: 512})
    (logged,) = [line for line in server.log() if line["event"] == "limits"]
    assert logged["open_files"] == 512
    assert 50 < logged["max_connections"] < 512
    with flood(server, content, 600), httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
        for _ in range(3):
            assert client.get("/healthz").status_code == 200
            response = client.post(URL, content=BODY, headers={"content-type": "application/json"})
            assert response.status_code == 200
    assert not [line for line in server.log() if "Too many open files" in str(line)]


def test_a_connection_that_gives_way_is_told_why(begin):  # noqa: F811
    server = begin("--max-connections", "2")
    with connect(server) as first, connect(server) as second:
        first.sendall(b"GET / HT")
        second.sendall(b"GET /heal")
        with httpx2.Client(base_url=server.url, timeout=PATIENCE) as client:
            assert client.get("/healthz").status_code == 200
        found = answer(first)
        assert found.startswith("HTTP/1.1 503 ")
        assert "x-content-type-options: nosniff" in found
        assert "retry-after: 1" in found
        assert "(setting max_connections)" in found


def test_clients_that_do_not_read_are_disconnected(begin):  # noqa: F811
    server = begin("--send-seconds", "0.2")
    with connect(server) as connection:
        request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(request * 1000)

        def gone() -> bool:
            text = httpx2.get(f"{server.url}/metrics", timeout=PATIENCE).text
            return int(text.partition("\nseismic_requests_in_flight ")[2].split(".")[0]) == 1

        wait_for(gone)
        assert answer(connection).count("HTTP/1.1 200") < 1000
    assert not [line for line in server.log() if line["level"] == "error"]
