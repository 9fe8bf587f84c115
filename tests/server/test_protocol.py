"""HTTP over raw sockets: offers of other protocols, pipelined requests, large heads, segments of every size."""

import asyncio
import json
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import httpx2
import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors
from seismic.client import Client
from seismic_server.http.protocol import MOST_HEAD_BYTES, protocol

from .conftest import PATIENCE, Server, start, wait_for

PATH = b"/v1/collections/tiny/search"
BODY = b'{"query": {"indices": [1], "values": [1.0]}, "with_payload": false}'
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
ODD_IDS = ["a\nb", "\n", "a\r\n", ".", "..", "a/b", "a/../b", "%2E", "a?b#c", "ä\u2028", "\t"]


@pytest.fixture(scope="module")
def tiny_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("protocol")
    vectors = SparseVectors.from_dicts([{1: 2.0}, *[{2: 1.0}] * len(ODD_IDS)], dimension=4)
    seismic.build(vectors, folder / "collections" / "tiny", documents=pa.table({"id": ["x", *ODD_IDS]}))
    server = start(folder / "collections", folder / "log.jsonl")
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def request(headers: bytes = b"", body: bytes = BODY, path: bytes = PATH, method: bytes = b"POST") -> bytes:
    length = b"" if b"chunked" in headers else b"Content-Length: %d\r\n" % len(body)
    return b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s%s\r\n%s" % (
        method,
        path,
        headers,
        length,
        body,
    )


def exchange(server: Server, *segments: bytes, answers: int = 1) -> list[tuple[int, bytes]]:
    """Send segments, each once the service had time to parse the one before; return (status, body) of the answers."""
    url = httpx2.URL(server.url)
    with socket.create_connection((url.host, url.port), PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, segment in enumerate(segments):
            if number:  # an answer on another connection: the loop has read what was sent before
                httpx2.get(f"{server.url}/healthz", timeout=PATIENCE)
            connection.sendall(segment)
        found, data = [], b""
        while len(found) < answers:
            part = connection.recv(1 << 16)
            if not part:
                break
            data += part
            while b"\r\n\r\n" in data:
                head, _, rest = data.partition(b"\r\n\r\n")
                assert b"x-content-type-options: nosniff" in head
                length = int(re.search(rb"content-length: (\d+)", head)[1])
                if len(rest) < length:
                    break
                found.append((int(head.split()[1]), rest[:length]))
                data = rest[length:]
        assert data == b""
        connection.settimeout(0.2)
        with suppress(TimeoutError):
            assert connection.recv(1) == b""  # nothing beyond the answers
    return found


def ids(answer: tuple[int, bytes]) -> list[str]:
    status, body = answer
    assert status == 200, body
    return [hit["id"] for hit in json.loads(body)["hits"]]


@pytest.mark.parametrize(
    "offer",
    [
        H2C,
        H2C.replace(b"Upgrade, HTTP2-Settings", b"keep-alive, uPGRADE"),
        H2C + b"Connection: keep-alive\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n",
        b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/2.0\r\n",
        b"Connection: Upgrade\r\n",
        b"Upgrade: h2c\r\n",
    ],
)
def test_offers_of_other_protocols_are_declined(tiny_server, offer):
    whole = request(offer)
    assert ids(exchange(tiny_server, whole)[0]) == ["x"]
    head = whole.index(b"\r\n\r\n") + 4
    for cut in (1, 40, head - 2, head, head + 1, len(whole) - 1):
        (answer,) = exchange(tiny_server, whole[:cut], whole[cut:])
        assert ids(answer) == ["x"]
    chunked = request(offer + b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert ids(exchange(tiny_server, chunked)[0]) == ["x"]
    head = chunked.index(b"\r\n\r\n") + 4
    assert ids(exchange(tiny_server, chunked[:head], chunked[head:])[0]) == ["x"]


def test_a_body_after_an_offer_is_never_a_request(tiny_server):
    smuggled = request(path=b"/healthz", method=b"GET", body=b"")
    whole = request(H2C, body=smuggled)
    head = whole.index(b"\r\n\r\n") + 4
    for segments in ([whole], [whole[:head], whole[head:]]):
        (answer,) = exchange(tiny_server, *segments)
        assert answer[0] == 400  # one answer: the body is not JSON
    answers = exchange(tiny_server, request(H2C) * 3 + request(), answers=4)
    assert [ids(answer) for answer in answers] == [["x"]] * 4


def test_a_refused_expectation_ends_the_connection(tiny_server):
    """The client need not send the body then, so what it sends next is not the body."""
    expecting = request(b"Expect: 100-continue\r\n", path=b"/nowhere")
    head = expecting[: expecting.index(b"\r\n\r\n") + 4]
    answers = exchange(tiny_server, head, request(), answers=9)
    assert [status for status, _ in answers] == [404]


def test_an_expectation_that_is_met_keeps_the_connection(tiny_server):
    expecting = request(b"Expect: 100-continue\r\n")
    head = expecting.index(b"\r\n\r\n") + 4
    url = httpx2.URL(tiny_server.url)
    with socket.create_connection((url.host, url.port), PATIENCE) as connection:
        for _ in range(2):
            connection.sendall(expecting[:head])
            assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(expecting[head:])
            data = b""
            while b'"took_ms"' not in data:
                data += connection.recv(1 << 16)
            assert data.startswith(b"HTTP/1.1 200 ")


def test_connect_is_refused(tiny_server):
    (answer,) = exchange(tiny_server, b"CONNECT example.org:80 HTTP/1.1\r\nHost: example.org\r\n\r\n" + request())
    assert answer[0] == 405


def test_a_preface_of_http2_is_refused(tiny_server):
    (answer,) = exchange(tiny_server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + request())
    assert answer[0] == 400


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_with_http2(tiny_server):
    command = ["curl", "--silent", "--http2", "--json", BODY.decode(), tiny_server.url + PATH.decode()]
    done = subprocess.run(command, capture_output=True, check=True)
    assert [hit["id"] for hit in json.loads(done.stdout)["hits"]] == ["x"]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"X : y\r\n",
        b"X: a\r\n b\r\n",
    ],
)
def test_ambiguous_heads_end_the_connection(tiny_server, headers):
    """Two lengths, encodings without an end, names with blanks, folded lines: one answer, whatever follows."""
    answers = exchange(tiny_server, request(headers) + request(), answers=9)
    assert [status for status, _ in answers] == [400]


def test_pipelined_requests_are_all_answered(tiny_server):
    get = request(path=b"/healthz", method=b"GET", body=b"")
    answers = exchange(tiny_server, get * 1000, answers=1000)
    assert answers == [(200, b'{"status":"ok"}')] * 1000
    many = (request() + get) * 200
    cut = len(many) // 2 + 7
    answers = exchange(tiny_server, many[:cut], many[cut:], answers=400)
    assert [status for status, _ in answers] == [200] * 400


@pytest.mark.parametrize(
    "headers",
    [b"X: " + b"x" * MOST_HEAD_BYTES + b"\r\n", b"X: y\r\n" * (MOST_HEAD_BYTES // 5)],
    ids=["one", "many"],
)
def test_large_heads_are_refused_however_they_arrive(tiny_server, headers):
    whole = request(headers)
    assert [status for status, _ in exchange(tiny_server, whole)] == [431]
    answers = exchange(tiny_server, request() + whole, answers=2)
    assert ids(answers[0]) == ["x"]  # an earlier request is answered first, and ends the connection then
    assert [status for status, _ in answers[1:]] in ([], [431])  # the latter if the shortcut answered the first


def test_garbage_after_a_request_does_not_answer_it(tiny_server):
    answers = exchange(tiny_server, request() * 3 + b"?!\r\n\r\n" + request(), answers=9)
    assert [ids(answer) for answer in answers] == [["x"]] * 3


def test_a_broken_chunk_is_refused(tiny_server):
    broken = request(b"Transfer-Encoding: chunked\r\n", b"zz\r\n")
    answers = exchange(tiny_server, broken + request(), answers=9)
    assert [status for status, _ in answers] == [400]


def test_heads_below_the_limit_pass(tiny_server):
    whole = request(b"X: " + b"x" * (MOST_HEAD_BYTES - 500) + b"\r\n")
    assert ids(exchange(tiny_server, whole)[0]) == ["x"]
    assert ids(exchange(tiny_server, whole[:40_000], whole[40_000:])[0]) == ["x"]


@pytest.mark.parametrize("id", ODD_IDS)
def test_every_id_has_a_route(tiny_server, id):
    path = f"/v1/collections/tiny/documents/{quote(id, safe='')}".encode()
    (answer,) = exchange(tiny_server, request(path=path, method=b"GET", body=b""))
    assert answer[0] == 200, answer
    assert json.loads(answer[1])["id"] == id


def test_the_client_finds_every_id(tiny_server):
    with Client(tiny_server.url, timeout=PATIENCE) as client:
        assert [client.document("tiny", id).id for id in ODD_IDS] == ODD_IDS


def test_a_reset_connection_leaves_no_timer(tiny_server):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_reset())
    finally:
        loop.close()


async def _reset() -> None:
    """A keep-alive connection that is reset: none of its timers stays."""
    from uvicorn import Config
    from uvicorn.server import ServerState

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = Config(app, log_config=None, lifespan="off")
    config.load()
    made = []

    def make() -> asyncio.Protocol:
        made.append(protocol(30.0)(config, ServerState(), {}))
        return made[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    while made[0].timeout_keep_alive_task is None:
        await asyncio.sleep(0.01)
    timer = made[0].timeout_keep_alive_task
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    async with asyncio.timeout(PATIENCE):
        while made[0].parser is not None:
            await asyncio.sleep(0.01)
    assert timer.cancelled()
    assert (made[0].timeout_keep_alive_task, made[0]._late) == (None, None)
    server.close()
