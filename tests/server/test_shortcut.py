"""The shortcut of plain searches answers, logs and counts exactly as the application does."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

import seismic
from seismic import SparseVectors
from seismic.stop import current
from seismic_server import Settings, costs, create_app
from seismic_server.access.keys import create_key
from seismic_server.http import shortcut
from seismic_server.http.connections import Connections
from seismic_server.http.limited import limited_protocol
from seismic_server.http.shortcut import Answered, PlainRequest, with_shortcut

from .conftest import PATIENCE

pytestmark = pytest.mark.anyio

SEARCH = "/v1/collections/words/search"
QUERY = {"indices": [0, 2], "values": [1.0, 0.5]}
MANY = 40


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the collection `words` and its alias `live`."""
    folder = tmp_path_factory.mktemp("shortcut")
    vectors = SparseVectors.from_dicts([{row % 4: 1.0 + row, 3: 0.5} for row in range(MANY)], dimension=4)
    documents = pa.table({"id": [f"d{row}" for row in range(MANY)], "title": ['ä\x00"x'] * MANY, "year": range(MANY)})
    vocabulary = ["a", "b", "c", "d"]
    seismic.build(vectors, folder / "words", documents=documents, vocabulary=vocabulary)
    seismic.alias(folder, "live", "words")
    return folder


class Both:
    """One application behind two listeners: with the shortcut, and without."""

    def __init__(self, app: Starlette, state: ServerState, ports: tuple[int, int], answered: list[bool]) -> None:
        self.service, self.state, self.answered, self._ports = app.state.service, state, answered, ports

    async def ask(self, *segments: bytes, short: bool = True, answers: int = 1, pause: float = 0.0) -> bytes:
        """Send segments and return the answers as they came, without what differs from one to the next."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ports[not short])
        async with asyncio.timeout(PATIENCE):
            for number, segment in enumerate(segments):
                await asyncio.sleep(pause if number else 0)
                writer.write(segment)
                await writer.drain()
            found = [await _answer(reader) for _ in range(answers)]
        writer.close()
        return b"".join(found)

    async def converse(self, requests: Sequence[bytes], short: bool = True) -> list[bytes]:
        """Send requests over one connection, each after the answer to the one before; return the answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ports[not short])
        answers = []
        async with asyncio.timeout(PATIENCE):
            for request in requests:
                writer.write(request)
                answers.append(re.sub(rb"x-request-id: [0-9a-f]{32}", b"x-request-id: new", await _answer(reader)))
        writer.close()
        return answers

    def counts(self) -> dict[str, float]:
        """Return all counters and histograms, without their sums of seconds."""
        return {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for family in self.service.metrics.registry.collect()
            for sample in family.samples
            if sample.name.startswith("seismic_")
            and "page_faults" not in sample.name
            and sample.name.endswith(("_total", "_count", "visited_sum", "scored_sum"))
        }


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    length = re.search(rb"content-length: (\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    # "took_ms" has as many digits as it likes, which show in the length.
    body = re.sub(rb'"took_ms":[\d.e-]+', b'"took_ms":0', body)
    head = re.sub(
        rb"date: [^\r]+", b"date: now", re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    )
    return head + body


@asynccontextmanager
async def serving(directory: Path, **settings: Any) -> AsyncIterator[Both]:
    app = create_app(
        Settings(
            directory=directory,
            **{"timeout_ms": 1000 * PATIENCE, "inline_us": 10**9, "scrub_mb_per_second": 0} | settings,
        )
    )
    answered: list[bool] = []

    class Noted:
        def answer(self, request: PlainRequest) -> Answered | None:
            found: Answered | None = app.state.shortcut.answer(request)
            answered.append(found is not None)
            return found

    connections = Connections(100)
    long_way = limited_protocol(PATIENCE, PATIENCE, connections)
    config, state = uvicorn.Config(app, log_config=None, access_log=False), ServerState()
    config.load()
    state.default_headers = [(b"date", b"today")]
    loop = asyncio.get_running_loop()
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(PATIENCE):
            while any(one.state != "ready" for one in app.state.service.collections):
                await asyncio.sleep(0.01)
        servers = [
            await loop.create_server(lambda kind=kind: kind(config, state, {}), "127.0.0.1", 0)
            for kind in (with_shortcut(long_way, Noted(), connections), long_way)
        ]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        try:
            yield Both(app, state, (ports[0], ports[1]), answered)
        finally:
            for server in servers:
                server.close()
            for connection in list(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect every plain search to be short."""
    monkeypatch.setattr(costs, "TRUSTED", 0)


def unnamed(request: bytes) -> bytes:
    """Return a request without an id, whose head is like that of others."""
    return request.replace(b"X-Request-Id: mine\r\n", b"")


def post(body: Any, path: str = SEARCH, headers: str = "", version: str = "1.1") -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    kind = "" if "ontent-type" in headers else "Content-Type: application/json\r\n"
    head = f"POST {path} HTTP/{version}\r\nHost: x\r\n{kind}X-Request-Id: mine\r\n{headers}"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


SHORT = [
    {"query": QUERY},
    {"query": QUERY, "with_payload": False},
    {"query": QUERY, "with_payload": ["year"], "limit": 3, "offset": 1},
    {"query": QUERY, "limit": MANY},
    {"query": QUERY, "limit": 100, "offset": 0},
    {"query": QUERY, "offset": 90, "limit": 10},
    {"query": QUERY, "params": {"recall": 0.9}},
    {"query": QUERY, "params": {"plan": "exact"}},
    {"query": QUERY, "with_vector": True},
    {"query": QUERY, "with_vector": "tokens", "limit": 2},
    {"query": QUERY, "filter": None, "facets": None},
    {"query": QUERY, "limit": 0},
    {"query": QUERY, "score_threshold": 1.5},
    {"query": {"tokens": {"c": 1.0, "a": 0.5, "unheard": 1.0}}},
    {"query": {"indices": [2, 0], "values": [0.5, 1.0]}},
    {"query": {"indices": [0, 2], "values": [1, 2.5]}},
    {"query": {"indices": [1, 9], "values": [1.0, 1.0]}},
    {"query": {"indices": [9], "values": [1.0]}},
    {"query": {"indices": [3], "values": [1e15]}},
    {"query": {"indices": [3], "values": [1e-15]}},
    b'{"limit":1, "query": {"indices": [0], "values": [1.0]}, "limit":2}',
]

LONG = [
    {"query": QUERY, "limit": 101},
    {"query": QUERY, "explain": True},
    {"query": QUERY, "filter": {"must": [{"key": "year", "range": {"gte": 20}}]}},
    {"query": QUERY, "facets": [{"key": "year"}]},
    {"query": QUERY, "group_by": {"key": "title"}},
    {"query": QUERY, "params": {"timeout_ms": 600_000}},
    {"query": QUERY, "min_sequence": 0},
    {"query": QUERY, "rerank": {"scores": {"d1": 1.0}}},
    {"query": {"id": "d1"}},
    {"query": {"indices": [], "values": []}},
    {},
]

WRONG = [
    b"",
    b"{",
    b"[]",
    b'{"query": {"indices": [0], "values": [1.0]}, "filter": ' + b"[" * 600 + b"]" * 600 + b"}",
    b'{"query": {"indices": [0], "values": [NaN]}}',
    {"query": None, "explain": True},
    {"query": 5},
    {"query": {"indices": [0, 0], "values": [1.0, 1.0]}},
    {"query": {"indices": [0.0], "values": [1.0]}},
    {"query": {"indices": [True], "values": [1.0]}},
    {"query": {"indices": [0], "values": [True]}},
    {"query": {"indices": [0], "values": ["1"]}},
    {"query": {"indices": [-1], "values": [1.0]}},
    {"query": {"indices": [1 << 32], "values": [1.0]}},
    {"query": {"indices": [0], "values": [-1.0]}},
    {"query": {"indices": [0], "values": [0.0]}},
    {"query": {"indices": [0], "values": [1e16]}},
    {"query": {"indices": [0, 1], "values": [1.0]}},
    {"query": QUERY | {"tokens": {"a": 1.0}}},
    {"query": QUERY, "limit": -1},
    {"query": QUERY, "limit": 1.0},
    {"query": QUERY, "limit": True},
    {"query": QUERY, "colour": 1},
    {"query": QUERY, "with_payload": ["colour"]},
    {"query": QUERY, "with_payload": 1},
    {"query": QUERY, "params": {"plan": "none"}},
    {"query": QUERY, "order_by": {"key": "year"}},
    {"query": {"text": "x"}},
]

HEADS: list[tuple[Callable[[], bytes], bool]] = [
    (lambda: post({"query": QUERY}, SEARCH.replace("words", "live")), True),
    (lambda: post({"query": QUERY}, SEARCH.replace("words", "none")), False),
    (lambda: post({"query": QUERY}, SEARCH.replace("words", "w%6Frds")), False),
    (lambda: post({"query": QUERY}, f"{SEARCH}?limit=1"), False),
    (lambda: post({"query": QUERY}, f"{SEARCH}/"), False),
    (lambda: post({"searches": [{"query": QUERY}]}, f"{SEARCH}/batch"), False),
    (lambda: post({"query": QUERY}, headers="Content-type: text/plain\r\n"), False),
    (lambda: post({"query": QUERY}, headers="Content-Encoding: gzip\r\n"), False),
    (lambda: post({"query": QUERY}, headers="Origin: http://a\r\n"), False),
    (lambda: post({"query": QUERY}, headers="X-Forwarded-For: 1.2.3.4\r\n"), False),
    (lambda: post({"query": QUERY}, headers="Connection: close\r\n"), False),
    (lambda: post({"query": QUERY}, headers="Accept: */*\r\nUser-Agent: test\r\n"), True),
    (lambda: post({"query": QUERY}, version="1.0"), False),
    (lambda: post({"query": QUERY, "with_payload": ["x" * 70_000]}), False),
    (lambda: post({"query": QUERY}).replace(b"POST", b"PUT"), False),
]


async def test_both_ways_answer_log_and_count_alike(served: Path) -> None:
    requests = [(post(body), True) for body in SHORT] + [(post(body), False) for body in LONG + WRONG]
    requests += [(make(), expected) for make, expected in HEADS]
    async with serving(served, audit_every=0, max_body_bytes=50_000) as both:
        seen: dict[bool, tuple[Any, ...]] = {}
        for short in (False, True):
            before = both.counts()
            with structlog.testing.capture_logs() as lines:
                answers = []
                for request, expected in requests:
                    both.answered.clear()
                    answers.append(await both.ask(request, short=short))
                    assert any(both.answered) is (short and expected), request
                both.service.access_log.flush()
            counted = {name: value - before.get(name, 0) for name, value in both.counts().items()}
            logged = [line | {"duration_ms": 0, "timestamp": 0} for line in lines if line["event"] == "request"]
            seen[short] = answers, logged, counted
    for (request, _), long_way, shortcut_way in zip(requests, seen[False][0], seen[True][0], strict=True):
        assert shortcut_way == long_way, request
    assert len(seen[True][1]) == len(requests)
    assert seen[True][1] == seen[False][1]
    assert seen[True][2] == seen[False][2]
    assert any(value > 0 for name, value in seen[True][2].items() if "documents_scored_sum" in name)


OTHER_QUERIES = [
    QUERY,
    {"indices": [1, 3], "values": [2.0, 0.25]},
    {"indices": [0, 2], "values": [1.5, 1.5]},
    {"indices": [1, 3], "values": [0.5, 1e15]},
    {"indices": [3], "values": [1e-15]},
    {"indices": [9, 3], "values": [1.0, 1.0]},
    {"tokens": {"c": 1.0, "unheard": 1.0}},
]


async def test_searches_that_differ_by_their_query_only(served: Path) -> None:
    """What answers have in common is made once, and a head that is known is not parsed."""
    frames = [{**body, "query": query} for body in SHORT if isinstance(body, dict) for query in OTHER_QUERIES]
    requests = [unnamed(post(frame)) for frame in frames] * 2
    async with serving(served, audit_every=0) as both:
        expected = await both.converse(requests, short=False)
        before = both.counts()
        assert await both.converse(requests) == expected
        assert len(both.answered) == len(requests)
        assert all(both.answered)
        counted = {name: value - before[name] for name, value in both.counts().items() if "requests_seconds" in name}
        assert all(value == len(requests) for value in counted.values())


async def test_a_known_head_is_not_parsed_again(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    body = {"query": QUERY, "limit": 2}
    request, other = unnamed(post(body)), unnamed(post(body, SEARCH.replace("words", "live")))
    async with serving(served) as both:
        (expected,) = await both.converse([request], short=False)
        begin = HttpToolsProtocol.on_url
        monkeypatch.setattr(HttpToolsProtocol, "on_url", lambda self, url: parsed.append(url) or begin(self, url))
        assert await both.converse([request, request, other, request, request]) == [expected] * 5
        assert [url.split(b"/")[3] for url in parsed] == [b"words", b"live"]
        assert await both.converse([request]) == [expected]
        assert len(parsed) == 2
        named = request.replace(b"Host: x", b"Host: x\r\nX-Request-Id: y")
        assert b"x-request-id: y" in (await both.converse([named, named]))[1]
        wrong = request.replace(b'"limit":2', b'"limit":-')
        assert (await both.converse([request, wrong]))[1].startswith(b"HTTP/1.1 400")


async def test_changes_show_in_what_answers_have_in_common(tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0 + row} for row in range(3)], dimension=4)
    seismic.build(vectors, tmp_path / "words", documents=pa.table({"id": ["a", "b", "c"], "year": [1, 2, 3]}))
    schema = pa.schema([("id", pa.string()), ("year", pa.int64())])
    request = unnamed(post({"query": {"indices": [0], "values": [1.0]}}))
    async with serving(tmp_path, reload_ms=10) as both:
        seen = {(await both.converse([request] * 3))[-1]}
        for change in ({"id": ["d"], "year": [4]}, {"id": ["a"], "year": [None]}):
            add = SparseVectors.from_dicts([{0: 9.0}], dimension=4)
            seismic.upsert(tmp_path / "words", add, pa.table(change, schema=schema))
            async with asyncio.timeout(PATIENCE):
                while (answers := await both.converse([request] * 3))[-1] in seen:
                    await asyncio.sleep(0.01)
            seen.add(answers[-1])
            assert answers[-1:] == await both.converse([request], short=False)
            assert set(await both.converse([request] * 3)) == {answers[-1]}
        seismic.compact(tmp_path / "words")
        async with asyncio.timeout(PATIENCE):
            while b'"generation":"000002"' not in (answers := await both.converse([request] * 3))[-1]:
                await asyncio.sleep(0.01)
        assert answers[-1:] == await both.converse([request], short=False)
        assert all(both.answered)


async def test_an_idle_connection_is_closed_after_its_last_answer(served: Path) -> None:
    request = unnamed(post({"query": QUERY}))
    async with serving(served) as both:
        reader, writer = await asyncio.open_connection("127.0.0.1", both._ports[0])
        async with asyncio.timeout(PATIENCE):
            for _ in range(3):
                writer.write(request)
                await _answer(reader)
            (connection,) = both.state.connections
            connection.timeout_keep_alive_handler()  # its timer was set by the first answer
            assert not connection.transport.is_closing()
            assert connection.timeout_keep_alive_task is not None
            connection._answered = -1e9
            connection.timeout_keep_alive_handler()
            assert await reader.read() == b""
        writer.close()


async def test_a_client_that_does_not_read_goes_the_long_way(served: Path) -> None:
    """The long way waits until answers are read; the shortcut would buffer all of them."""
    request = unnamed(post({"query": QUERY}))
    async with serving(served) as both:
        await both.converse([request] * 2)
        reader, writer = await asyncio.open_connection("127.0.0.1", both._ports[0])
        async with asyncio.timeout(PATIENCE):
            writer.write(request)
            await _answer(reader)
            (connection,) = both.state.connections
            connection.flow.pause_writing()
            both.answered.clear()
            writer.write(request)
            while connection.cycle is None:
                await asyncio.sleep(0)
            assert both.answered == []
            connection.flow.resume_writing()
            assert (await _answer(reader)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_keys_hold(served: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    reader, other = create_key(keys, "reader", "read-only"), create_key(keys, "other", "read-only", ["else"])
    async with serving(served, keys_file=keys) as both:
        for header, status in (("", 401), ("Api-Key: no\r\n", 401), (f"Api-Key: {other}\r\n", 403)):
            request = post({"query": QUERY}, headers=header)
            assert await both.ask(request) == await both.ask(request, short=False)
            assert (await both.ask(request)).startswith(b"HTTP/1.1 %d " % status)
        assert not any(both.answered)
        request = post({"query": QUERY}, headers=f"Authorization: Bearer {reader}\r\n")
        assert await both.ask(request) == await both.ask(request, short=False)
        assert both.answered[-1]


async def test_every_request_takes_one_token(served: Path) -> None:
    async with serving(served, rate_limit=1e-6, rate_burst=4) as both:
        bodies = [{"query": QUERY}, {"query": QUERY, "explain": True}, {"query": QUERY}, {"query": QUERY, "limit": -1}]
        statuses = [(await both.ask(post(body)))[9:12] for body in [*bodies, {"query": QUERY}]]
        assert statuses == [b"200", b"200", b"200", b"422", b"429"]


async def test_a_request_with_a_known_head_takes_one_token(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = unnamed(post({"query": QUERY}))
    async with serving(served, rate_limit=1e-6, rate_burst=5) as both:
        assert [answer[9:12] for answer in await both.converse([request] * 3)] == [b"200"] * 3
        monkeypatch.setattr("seismic_server.routes.shortcut.find", lambda *_: None)  # after its admission
        assert [answer[9:12] for answer in await both.converse([request] * 3)] == [b"200", b"200", b"429"]


async def test_a_full_queue_a_shortage_and_a_shutdown_refuse(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seismic_server.access.admission.HOLD_SECONDS", (0.0, 0.0))
    async with serving(served, request_memory_bytes=1000) as both:
        assert (await both.ask(post({"query": QUERY}))).startswith(b"HTTP/1.1 503")
    async with serving(served) as both:
        request = post({"query": QUERY})
        with monkeypatch.context() as patch:
            patch.setattr(type(both.service.pool), "full", True)
            assert b"overloaded" in await both.ask(request)
        both.service.admission.closing = True
        assert b"draining" in await both.ask(request)


async def test_failures_are_the_applications(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise seismic.CorruptIndexError("/secret is damaged")

    async with serving(served) as both:
        await both.converse([unnamed(post({"query": QUERY}))] * 2)
        for name in ("ask_with", "search_many", "top"):
            monkeypatch.setattr(seismic.Index, name, fail)
        answer = await both.ask(unnamed(post({"query": QUERY})))
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"secret" not in answer


async def test_deadlines_hold(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(search: Callable[..., Any]) -> Callable[..., Any]:
        def waiting(*arguments: Any) -> Any:
            while not current().flag[0]:
                time.sleep(0.001)
            return search(*arguments)

        return waiting

    for name in ("ask_with", "search_many", "top"):
        monkeypatch.setattr(seismic.Index, name, slow(getattr(seismic.Index, name)))
    async with serving(served, timeout_ms=20) as both:
        assert (await both.ask(post({"query": QUERY}))).startswith(b"HTTP/1.1 504")


async def test_segments_of_every_size(served: Path) -> None:
    async with serving(served) as both:
        request = post({"query": QUERY, "with_payload": False})
        whole = await both.ask(request, short=False)
        for cut in (1, 30, request.index(b"\r\n\r\n") + 4, len(request) - 1):
            assert await both.ask(request[:cut], request[cut:], pause=0.001) == whole
        assert all(both.answered)
        late = request[:-5], request[-5:]
        both.answered.clear()
        assert await both.ask(*late, pause=2 * shortcut.PATIENCE) == whole
        assert both.answered == [], "a body that takes long goes the long way"


async def test_pipelined_requests_are_answered_in_order(served: Path) -> None:
    async with serving(served) as both:
        few, more = post({"query": QUERY, "limit": 1}), post({"query": QUERY, "limit": 2, "explain": True})
        mixed = [few, more, few, few, more, few]
        expected = b"".join([await both.ask(one, short=False) for one in mixed])
        assert await both.ask(b"".join(mixed), answers=len(mixed)) == expected
        assert await both.ask(*mixed, answers=len(mixed)) == expected


async def test_a_request_ends_the_idle_time_of_the_one_before(served: Path) -> None:
    """Otherwise a long request behind a plain one in the same segment is cut off."""
    async with serving(served) as both:
        few, more = post({"query": QUERY, "limit": 1}), post({"query": QUERY, "explain": True})
        idle = asyncio.create_task(both.ask(few + more, answers=2))
        while not both.state.tasks:
            await asyncio.sleep(0)
        (connection,) = both.state.connections
        assert connection.timeout_keep_alive_task is None
        assert (await idle).count(b"HTTP/1.1 200") == 2


async def test_a_client_that_leaves_is_logged(served: Path) -> None:
    async with serving(served) as both:
        with structlog.testing.capture_logs() as lines:
            _, writer = await asyncio.open_connection("127.0.0.1", both._ports[0])
            with closing(writer):
                writer.write(post({"query": QUERY})[:-5])
                await writer.drain()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(PATIENCE):
                while not any(line.get("status") == 499 for line in lines):
                    await asyncio.sleep(0.01)


async def test_large_answers_are_the_applications(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seismic_server.routes.shortcut.SLICE_BYTES", 300)
    async with serving(served) as both:
        request = post({"query": QUERY, "limit": 20})
        for _ in range(2):
            assert await both.ask(request) == await both.ask(request, short=False)
        assert not any(both.answered)


@pytest.mark.parametrize("names", [["a"], ["a", "b"]], ids=str)
async def test_queries_of_named_fields(tmp_path: Path, names: list[str]) -> None:
    """Fields weigh and join queries, which is not for the shortcut."""
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}, {1: 1.0}], dimension=4)
    seismic.build(dict.fromkeys(names, vectors), tmp_path / "words", documents=pa.table({"id": ["x", "y"]}))
    async with serving(tmp_path) as both:
        for query in ({"indices": [1], "values": [1.0]}, {"fields": {"a": {"indices": [1], "values": [1.0]}}}):
            request = post({"query": query})
            assert await both.ask(request) == await both.ask(request, short=False)
