"""Memory of requests: bounded answers, a budget for all, and shortages that never end the process."""

import asyncio
import errno
import os
import resource
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import orjson
import psutil
import pyarrow as pa
import pytest

import seismic
from seismic import Index, SparseVectors, StorageError
from seismic.errors import OverloadedError
from seismic.search import facets
from seismic_server import machine
from seismic_server.access.values import values_of
from seismic_server.http.parts import SLICE_BYTES, JsonParts
from seismic_server.memory import left as memory_limits
from seismic_server.memory.budget import MemoryBudget, current
from seismic_server.memory.left import Left, memory_left
from seismic_server.schemas.search import SearchRequest

from .conftest import PATIENCE, Server, start, wait_for
from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}
QUERY = {"indices": [0, 1], "values": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({}, 10),
        ({"limit": 7, "offset": 5}, 12),
        ({"limit": 7, "explain": True}, 7 + 7 * 2),
        ({"limit": 7, "explain": True, "feedback": {"components": 5}}, 7 + 7 * (2 + 5)),
        ({"limit": 7, "explain": True, "query": {"text": "x"}}, 7 + 7 * 256),
        ({"limit": 7, "explain": True, "query": {"tokens": {"a": 1.0, "b": 1.0, "c": 1.0}}}, 7 + 7 * 3),
        ({"facets": [{"key": "year", "limit": 20}, {"key": "title", "limit": 30}]}, 10 + 50),
        ({"group_by": {"key": "year", "limit": 4, "size": 5}, "explain": True}, 20 + 20 * 2),
        ({"limit": 7, "fusion": {"runs": [{"hits": []}], "depth": 90}}, 90),
    ],
)
def test_the_values_of_an_answer(fields, values):
    assert values_of(SearchRequest(**{"query": QUERY, **fields})) == values


@pytest.mark.parametrize(
    "fields",
    [
        {"facets": [{"key": "year", "limit": 10}]},
        {"limit": 12},
        {"limit": 4, "explain": True, "query": QUERY},
        {"group_by": {"key": "year", "limit": 6, "size": 2}},
    ],
    ids=["facets", "hits", "explanations", "groups"],
)
async def test_answers_of_too_many_values_are_refused(running, tiny, fields):
    async with running(tiny, max_answer_values=23) as client:
        assert (await client.post(URL, json=BODY | fields)).status_code == 200
        found = problem(await client.post(f"{URL}/batch", json={"searches": [BODY | fields] * 2}), 422)
        assert "expected at most 23 (setting max_answer_values)" in found.detail


@pytest.mark.parametrize(
    "fields",
    [
        {"with_payload": ["title"]},
        {"with_payload": False, "with_vector": True},
        {"with_payload": False, "explain": True},
        {"with_payload": False, "facets": [{"key": "title"}]},
        {"with_payload": ["title"], "group_by": {"key": "year"}},
    ],
    ids=["payload", "vectors", "explanations", "facets", "groups"],
)
async def test_answers_of_too_many_bytes_are_refused(running, tmp_path, fields):
    count = 100
    vectors = SparseVectors.from_dicts([dict.fromkeys(range(50), 1.0)] * count, dimension=50)
    documents = pa.table(
        {
            "id": range(count),
            "title": [f"{row}" * 100 for row in range(count)],
            "year": [row % 7 for row in range(count)],
        }
    )
    seismic.build(vectors, tmp_path / "tiny", documents=documents)
    body = {"query": {"indices": [*range(50)], "values": [1.0] * 50}, **fields}
    batch = {"searches": [body] * 60}
    async with running(tmp_path, max_answer_bytes=60_000) as client:
        found = problem(await client.post(f"{URL}/batch", json=batch), 422)
        assert "more than 60000 bytes (setting max_answer_bytes)" in found.detail
        assert (await client.post(URL, json=body)).status_code == 200
    async with running(tmp_path, max_answer_bytes=20_000_000) as client:
        answer = await client.post(f"{URL}/batch", json=batch)
        assert answer.status_code == 200
        one = (await client.post(URL, json=body)).json()
    assert len(answer.content) > 60_000
    for found in answer.json()["answers"]:
        assert {**found, "took_ms": 0} == {**one, "took_ms": 0}


async def test_a_huge_facet_value_is_refused_before_it_is_copied(running, tmp_path, monkeypatch):
    vectors = SparseVectors.from_dicts([{0: 1.0}] * 3, dimension=1)
    documents = pa.table({"id": range(3), "title": ["a", "b" * 3_000_000, "c"], "year": [1, 1, 2]})
    seismic.build(vectors, tmp_path / "tiny", documents=documents)
    copied = []
    monkeypatch.setattr(facets, "to_pylist", lambda values, key: copied.append(key) or values.to_pylist())
    body = {"query": {"indices": [0], "values": [1.0]}, "with_payload": False}
    async with running(tmp_path, max_answer_bytes=1_000_000) as client:
        found = problem(await client.post(URL, json=body | {"facets": [{"key": "title"}]}), 422)
        assert "more than 1000000 bytes (setting max_answer_bytes)" in found.detail
        assert copied == []
        answer = await client.post(URL, json=body | {"facets": [{"key": "title", "limit": 1}, {"key": "year"}]})
        assert answer.json()["facets"]["title"] == [{"value": "a", "count": 1}]
    async with running(tmp_path, request_memory_bytes=5_000_000) as client:
        problem(await client.post(URL, json=body | {"facets": [{"key": "title"}]}), 503)
    assert copied == ["title", "year"]


async def test_documents_of_too_many_bytes_are_refused(running, tiny):
    async with running(tiny, max_answer_bytes=10) as client:
        found = problem(await client.get("/v1/collections/tiny/documents/a"), 422)
        assert "(setting max_answer_bytes)" in found.detail


async def test_hits_written_in_parts_are_those_written_at_once(running, tmp_path):
    count = 3000
    titles = ["x" * (row % 2000) for row in range(count)]
    vectors = SparseVectors.from_dicts([{0: 1.0 + row} for row in range(count)], dimension=1)
    seismic.build(vectors, tmp_path / "tiny", documents=pa.table({"id": range(count), "title": titles}))
    body = {"query": {"indices": [0], "values": [1.0]}, "limit": count}
    async with running(tmp_path) as client:
        answer = await client.post(URL, json=body)
    assert int(answer.headers["content-length"]) == len(answer.content) > 2 << 20
    hits = answer.json()["hits"]
    assert sorted(hit["id"] for hit in hits) == [*range(count)]
    assert all(hit["payload"]["title"] == titles[hit["id"]] for hit in hits)


@pytest.mark.parametrize(
    "sizes", [[], [0], [5, 7], [SLICE_BYTES], [SLICE_BYTES + 1], [1, 3 * SLICE_BYTES, 2], [100_000] * 20]
)
async def test_responses_in_parts_are_sent_in_slices(sizes):
    parts = [os.urandom(size) for size in sizes]
    sent = []

    async def send(message):
        sent.append(message)

    await JsonParts(parts)({"type": "http"}, None, send)
    start, *bodies = sent
    whole = b"".join(parts)
    assert (b"content-length", str(len(whole)).encode()) in start["headers"]
    assert (b"content-type", b"application/json") in start["headers"]
    assert b"".join(one["body"] for one in bodies) == whole
    assert all(len(one["body"]) <= SLICE_BYTES for one in bodies)
    assert not bodies[-1].get("more_body", False)


def test_a_budget_refuses_and_frees():
    async def use() -> None:
        budget = MemoryBudget(100)
        with budget.lease() as first:
            first.grow(60)
            with budget.lease() as second:
                assert current() is second
                second.grow(40)
                with pytest.raises(OverloadedError, match=r"use 100 bytes .* at most 100 .* request_memory_bytes"):
                    second.grow(1)
            assert (budget.used, budget.leases) == (60, 1)
            first.grow(40)
        assert (budget.used, budget.leases) == (0, 0)

    asyncio.run(use())


def test_without_a_setting_the_budget_is_half_of_what_is_left(monkeypatch):
    left = Left(1000, 5000)
    monkeypatch.setattr("seismic_server.memory.budget.memory_left", lambda others: left)

    async def use() -> None:
        nonlocal left
        budget = MemoryBudget(0)
        assert budget.total == 500
        with budget.lease() as lease:
            lease.grow(400)
            left = Left(600, 5000)
            budget.look()
            assert budget.total == 400 + 300
            budget.check()
            left = Left(499, 5000)
            budget.look()
            with pytest.raises(OverloadedError, match="short of memory"):
                budget.check()
        budget.check()  # alone, so that a service that always has little memory still answers

    asyncio.run(use())


def test_the_memory_left_knows_ulimit_and_cgroups(monkeypatch, tmp_path):
    used = resource.RLIM_INFINITY
    monkeypatch.setattr(memory_limits.resource, "getrlimit", lambda kind: (used, used))
    memory_limits.physical_limit.cache_clear()
    assert memory_left().limit <= memory_limits.PAGE * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(
        memory_limits.resource, "getrlimit", lambda kind: (5000 if kind == resource.RLIMIT_AS else used,) * 2
    )
    assert memory_left() == Left(0, 5000)
    process, groups = tmp_path / "proc", tmp_path / "cgroup"
    (groups / "a" / "b").mkdir(parents=True)
    (groups / "memory" / "c").mkdir(parents=True)
    process.mkdir()
    (groups / "a" / "memory.max").write_text("7000000\n")
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    (groups / "memory" / "c" / "memory.limit_in_bytes").write_text("9000000\n")
    monkeypatch.setattr(machine, "PROCESS", process)
    monkeypatch.setattr(machine, "CGROUPS", groups)
    for line, limit in [("0::/a/b", 7_000_000), ("0::/gone", None), ("4:cpu,memory:/c", 9_000_000)]:
        (process / "cgroup").write_text(line + "\n")
        memory_limits.physical_limit.cache_clear()
        found = memory_limits.physical_limit()
        assert found == limit or (limit is None and found > 9_000_000)
    memory_limits.physical_limit.cache_clear()


async def test_requests_beyond_the_budget_are_refused_until_others_end(running, tiny, monkeypatch):
    search, started, release = Index.search_many, threading.Event(), threading.Event()

    def slow(*arguments):
        started.set()
        assert release.wait(PATIENCE)
        return search(*arguments)

    monkeypatch.setattr(Index, "search_many", slow)
    need = 10 * 300 + len(httpx2.Request("POST", "http://x", json=BODY).content) * 24
    async with running(tiny, threads=2, request_memory_bytes=need + 2000) as client:
        first = asyncio.create_task(client.post(URL, json=BODY))
        await asyncio.to_thread(started.wait)
        refused = await client.post(URL, json=BODY)
        assert problem(refused, 503).type == "urn:problem-type:seismic:overloaded"
        assert "(setting request_memory_bytes)" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "1"
        assert (await client.get("/healthz")).status_code == 200
        release.set()
        assert (await first).status_code == 200
        assert (await client.post(URL, json=BODY)).status_code == 200


def chained() -> Exception:
    error = StorageError("documents.arrow: cannot be read")
    error.__context__ = OSError(errno.EMFILE, "Too many open files")
    return error


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (MemoryError(), 503),
        (pa.ArrowMemoryError("malloc of size 1"), 503),
        (OSError(errno.EMFILE, "Too many open files", "/secret"), 503),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 503),
        (RuntimeError("can't start new thread"), 503),
        (chained(), 503),
        (OSError(errno.EIO, "Input/output error", "/secret"), 500),
        (RuntimeError("other"), 500),
    ],
    ids=str,
)
async def test_shortages_are_503(running, tiny, monkeypatch, failure, status):
    def fail(*arguments):
        raise failure

    async with running(tiny) as client:
        with monkeypatch.context() as patch:
            patch.setattr(Index, "search_many", fail)
            response = await client.post(URL, json=BODY)
        found = problem(response, status)
        assert "secret" not in orjson.dumps(response.json()).decode()
        if status == 503:
            assert found.type.rpartition(":")[2] in ("overloaded", "too-many-files")
            assert response.headers["retry-after"] == "1"
        assert (await client.post(URL, json=BODY)).status_code == 200


def test_under_a_limit_of_memory_the_service_refuses_and_never_dies(tmp_path):
    count = 2000
    vectors = SparseVectors.from_dicts([dict.fromkeys(range(200), 1.0 + row) for row in range(count)], dimension=200)
    documents = pa.table({"id": range(count), "title": ["x" * 20_000] * count})
    seismic.build(vectors, tmp_path / "served" / "tiny", documents=documents)
    used = memory_of_a_server(tmp_path)
    server = start(tmp_path / "served", tmp_path / "log.jsonl", limits={resource.RLIMIT_AS: used + (300 << 20)})
    try:
        wait_for(lambda: ready(server))
        body = {"query": {"indices": [1], "values": [1.0]}, "limit": 1000, "with_vector": True}
        batches = [{"searches": [body] * many} for many in (2, 3, 20)] + [{"searches": [body | {"explain": True}] * 90}]
        with ThreadPoolExecutor(12) as clients:
            statuses = Counter(clients.map(lambda number: post(server, batches[number % 4]), range(60)))
        assert statuses.keys() <= {200, 422, 503}
        assert statuses[503] or statuses[422]
        assert server.process.poll() is None
        wait_for(lambda: post(server, {"searches": [body | {"limit": 10}]}) == 200)
    finally:
        server.process.kill()
        server.process.wait(PATIENCE)


def memory_of_a_server(folder) -> int:
    """Return the address space of a ready server without a limit."""
    server = start(folder / "served", folder / "free.jsonl")
    try:
        wait_for(lambda: ready(server))
        return psutil.Process(server.process.pid).memory_info().vms
    finally:
        server.process.kill()
        server.process.wait(PATIENCE)


def ready(server: Server) -> bool:
    assert server.process.poll() is None, server.log_file.read_text()[-3000:]
    return httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success


def post(server: Server, body: dict) -> int:
    return httpx2.post(f"{server.url}{URL}/batch", json=body, timeout=PATIENCE).status_code
