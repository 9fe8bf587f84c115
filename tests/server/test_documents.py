"""Documents by id over REST."""

import asyncio
import base64
import datetime
import errno
import os
import pkgutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors, Vocabulary

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny"
QUERY = {"query": {"indices": [1], "values": [1.0]}}


async def put(client: httpx2.AsyncClient, *documents: dict[str, Any], url: str = URL) -> httpx2.Response:
    return await client.put(f"{url}/documents", json={"documents": list(documents)})


async def found(client: httpx2.AsyncClient, query: dict[str, Any] = QUERY) -> list[tuple[Any, float]]:
    answer = (await client.post(f"{URL}/search", json=query)).json()
    return [(hit["id"], hit["score"]) for hit in answer["hits"]]


async def test_a_change_is_visible_once_answered(running, tiny):
    async with running(tiny) as client:
        answer = await put(client, {"id": "d", "indices": [3, 1], "values": [1.0, 5.0], "payload": {"title": "D"}})
        assert answer.status_code == 200, answer.text
        counts = {"documents": 1, "created": 1, "updated": 0, "deleted": 0}
        expected = {"sequence": 1, "generation": "000001", **counts, "warnings": [], "took_ms": 0}
        assert {**answer.json(), "took_ms": 0} == expected
        assert await found(client) == [("d", 5.0), ("a", 2.0), ("b", 1.0)]
        shown = (await client.get(f"{URL}/documents/d")).json()
        document = {"id": "d", "payload": {"title": "D", "year": None}}
        assert shown == {**document, "generation": "000001", "sequence": 1}
        answer = await client.post(f"{URL}/documents/delete", json={"ids": ["d", "a", "never"]})
        assert (answer.json()["sequence"], answer.json()["documents"]) == (2, 3)
        assert await found(client) == [("b", 1.0)]
        gone = problem(await client.get(f"{URL}/documents/a"), 404)
        assert gone.type == "urn:problem-type:seismic:no-such-document"
        info = (await client.get(URL)).json()
        assert (info["documents"], info["changed"], info["sequence"], "problem" in info) == (2, 1, 2, False)
    assert len(seismic.open(tiny / "tiny")) == 2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"id": "d", "indices": [4], "values": [1.0]},
            "row 1, field 'indices': found component 4, expected components below",
        ),
        ({"id": "d", "indices": [1, 1], "values": [1.0, 2.0]}, "row 1, field 'indices': found duplicate component"),
        ({"id": "e", "indices": [1], "values": [1.0]}, "row 1, field 'id': found 'e', a duplicate of row 0"),
        ({"id": 7, "indices": [1], "values": [1.0]}, "row 1, field 'id': found 7, expected string"),
        ({"id": "d", "tokens": {"x": 1.0}}, "row 1, field 'tokens': this collection has no vocabulary"),
        ({"id": "d", "indices": [], "values": [], "payload": {"a": 1}}, "row 1, field 'a': unknown payload column"),
        (
            {"id": "d", "indices": [], "values": [], "payload": {"year": "x"}},
            "row 1, field 'year': found 'x', expec",
        ),
        ({"id": "d", "indices": [], "values": [], "payload": {"id": "x"}}, "row 1, field 'id': unknown payload column"),
        (
            {"id": "d", "indices": [1]},
            "#/documents/1: expected either 'indices' and 'values', or 'tokens', or 'text' (found i",
        ),
        (
            {"id": "d", "indices": [1], "values": []},
            "#/documents/1: found 1 indices and 0 values, expected equal",
        ),
        ({"id": "d", "indices": [1], "values": [-1.0]}, "#/documents/1/values/0"),
    ],
)
async def test_a_wrong_document_changes_nothing(running, strict_tiny, document, message):
    async with running(strict_tiny) as client:
        response = await put(client, {"id": "e", "indices": [1], "values": [1.0]}, document)
        assert message in problem(response, 422).detail
        assert (
            "ids: found 1, expected a string, as ids of this collection are"
            in problem(await client.post(f"{URL}/documents/delete", json={"ids": [1]}), 422).detail
        )
        assert len(await found(client)) == 2
    assert not (strict_tiny / "tiny" / "log").exists()


async def test_waiting_requests_are_written_together(running, tiny, monkeypatch):
    appends, append = [], seismic.changes.updates.append
    monkeypatch.setattr(seismic.changes.updates, "append", lambda *rest: appends.append(1) or append(*rest))
    async with running(tiny) as client:
        documents = [{"id": f"e{number}", "indices": [1], "values": [1.0 + number]} for number in range(20)]
        wrong = {"id": "wrong", "indices": [1], "values": [1.0], "payload": {"year": "x"}}
        answers = await asyncio.gather(*(put(client, one) for one in [*documents, wrong]))
        assert [answer.status_code for answer in answers] == [200] * 20 + [422]
        assert len(appends) < 20
        assert len(await found(client, {**QUERY, "limit": 100})) == 22
        numbers = [answer.json()["sequence"] for answer in answers[:20]]
        assert (min(numbers), max(numbers)) == (1, len(appends))


async def test_too_many_changes_are_refused(running, tiny):
    async with running(tiny, queue=1) as client:
        documents = [{"id": f"e{number}", "indices": [1], "values": [1.0]} for number in range(20)]
        answers = await asyncio.gather(*(put(client, one) for one in documents))
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503}
        assert len(await found(client, {**QUERY, "limit": 100})) == 2 + statuses.count(200)


@pytest.mark.parametrize(
    ("number", "status", "kind"),
    [
        (errno.ENOSPC, 507, "full-disk"),
        (errno.EDQUOT, 507, "full-disk"),
        (errno.EROFS, 503, "read-only"),
        (errno.EACCES, 503, "read-only"),
        (errno.EIO, 500, "storage"),
    ],
)
@pytest.mark.parametrize("place", ["seismic.store.log._write", "seismic.store.lock.os.open", "os.mkdir"])
async def test_a_failing_disk_is_a_problem_and_not_a_change(running, tiny, monkeypatch, number, status, kind, place):
    """At any place: while writing, where the lock is taken, and where the folder of the log is made."""
    fails = []
    module, _, name = place.rpartition(".")
    original = pkgutil.resolve_name(place)

    def fail(*arguments: Any, **options: Any) -> Any:
        if fails and (name != "open" or arguments[1] & os.O_CREAT):
            raise OSError(number, os.strerror(number), "/secret/path")
        return original(*arguments, **options)

    monkeypatch.setattr(pkgutil.resolve_name(module), name, fail)
    document = {"id": "d", "indices": [1], "values": [1.0]}
    async with running(tiny, reload_ms=3_600_000) as client:
        fails.append(True)
        refused = await put(client, document)
        fails.clear()
        assert refused.status_code == status
        assert (refused.json()["type"], "secret" in refused.text) in (
            (f"urn:problem-type:seismic:{kind}", False),
            ("about:blank", False),  # an EIO outside of the engine's own writes
        )
        if status != 500:
            detail = problem(refused, status).detail
            assert "the server's log names the file" in detail
        assert len(await found(client)) == 2
        assert (await put(client, document)).status_code == 200
        assert len(await found(client)) == 3


async def test_tokens_and_all_types_of_payload(running, tmp_path: Path):
    columns = {
        "id": [1, 2],
        "day": [datetime.date(2020, 1, 2), None],
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(5, 2)),
        "raw": [b"\x00\xff", None],
        "tags": [["x"], None],
        "place": [{"lat": 1.5}, None],
    }
    vectors = SparseVectors.from_dicts([{0: 1.0}, {1: 1.0}])
    words = Vocabulary(["x", "y"])
    seismic.build(vectors, tmp_path / "tiny", documents=pa.table(columns), vocabulary=words, strict=True)
    async with running(tmp_path) as client:
        first = (await client.get(f"{URL}/documents/1")).json()["payload"]
        answer = await put(client, {"id": 3, "tokens": {"y": 2.0, "x": 3.0}, "payload": first})
        assert answer.status_code == 200, answer.text
        assert (await client.get(f"{URL}/documents/3")).json()["payload"] == first
        assert await found(client) == [(3, 2.0), (2, 1.0)]
        response = await put(client, {"id": 3, "tokens": {"z": 2.0}})
        assert "row 0, field 'tokens': found 'z', expected tokens of the voc" in problem(response, 422).detail
        for payload in ({"day": "soon"}, {"raw": "?"}, {"price": "12345.678"}, {"place": {"lat": "x"}}, {"day": 1}):
            response = await put(client, {"id": 3, "tokens": {"x": 2.0}, "payload": payload})
            assert f"row 0, field '{next(iter(payload))}': found" in problem(response, 422).detail
        problem(await client.get(f"{URL}/documents/three"), 404)
        assert base64.b64decode(first["raw"]) == b"\x00\xff"


async def test_unsigned_64_bit_ids(running, tmp_path: Path):
    large = (1 << 64) - 1
    ids = pa.table({"id": pa.array([7, large], pa.uint64())})
    seismic.build(SparseVectors.from_dicts([{1: 1.0}, {1: 2.0}], 3), tmp_path / "tiny", documents=ids)
    async with running(tmp_path) as client:
        assert await found(client, {"query": {"id": large}}) == [(7, 2.0)]
        assert await found(client, {"query": {"id": 7}, "filter": {"must": [{"ids": [large]}]}}) == [(large, 2.0)]
        run = {"hits": [{"id": large, "score": 1.0}]}
        assert (await found(client, QUERY | {"fusion": {"runs": [run]}}))[0][0] == large
        assert (await put(client, {"id": large, "indices": [1], "values": [3.0]})).status_code == 200
        assert await found(client) == [(large, 3.0), (7, 1.0)]
        assert (await client.post(f"{URL}/documents/delete", json={"ids": [large]})).status_code == 200
        assert await found(client) == [(7, 1.0)]
        detail = problem(await put(client, {"id": -1, "indices": [1], "values": [1.0]}), 422).detail
        assert detail == "row 0, field 'id': found -1, expected uint64"


async def test_tokens_keep_their_meaning_while_the_vocabulary_changes(running, tmp_path: Path):
    orders = (["red", "blue"], ["blue", "red"])

    def publish(number: int) -> None:
        vectors = SparseVectors.from_dicts([{0: 1.0}], 2)
        vocabulary, documents = Vocabulary(orders[number % 2]), pa.table({"id": ["seed"]})
        seismic.build(vectors, tmp_path / "tiny", documents=documents, vocabulary=vocabulary, replace=True)

    publish(0)
    stop, served = asyncio.Event(), asyncio.Semaphore(0)

    async def write(client: httpx2.AsyncClient) -> int:
        number = 0
        while not stop.is_set():
            answer = await put(client, {"id": f"d{number}", "tokens": {"red": 1.0}})
            assert answer.status_code == 200, answer.text
            number += 1
            served.release()
        return number

    async def wrong(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
        body = {"query": {"tokens": {"blue": 1.0}}, "limit": 100, "with_vector": "tokens"}
        hits = (await client.post(f"{URL}/search", json=body)).json()["hits"]
        return [hit for hit in hits if hit["id"] != "seed"]

    async with running(tmp_path, reload_ms=20) as client, asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write(client))
        for number in (1, 2, 3):
            for _ in range(3):
                await served.acquire()
            await asyncio.to_thread(publish, number)
            for _ in range(3):
                await served.acquire()
            assert await wrong(client) == []
        stop.set()
        assert await writing > 9
        assert await wrong(client) == []


async def test_documents_without_a_payload_keep_theirs(running, tiny):
    async with running(tiny) as client:
        answer = await put(
            client,
            {"id": "a", "indices": [1], "values": [5.0]},
            {"id": "b", "indices": [1], "values": [4.0], "payload": {"year": 1}},
            {"id": "c", "indices": [1], "values": [3.0], "payload": {}},
            {"id": "d", "indices": [1], "values": [2.0]},
        )
        assert answer.status_code == 200, answer.text
        hits = (await client.post(f"{URL}/search", json={**QUERY, "with_payload": True})).json()["hits"]
        assert {hit["id"]: hit["payload"] for hit in hits} == {
            "a": {"title": "A", "year": 2001},
            "b": {"title": None, "year": 1},
            "c": {"title": None, "year": None},
            "d": {"title": None, "year": None},
        }
        assert [hit["id"] for hit in hits] == ["a", "b", "c", "d"]


async def test_weights_that_16_bits_cannot_hold_are_reported(running, tiny):
    async with running(tiny) as client:
        documents = {"id": "x", "indices": [0], "values": [1.0]}, {"id": "d", "indices": [0, 1], "values": [1e6, 1.0]}
        (warning,) = (await put(client, *documents)).json()["warnings"]
        assert warning.startswith("row 1, field 'values': found 1 for component 1 beside 1e+06, expected weights")
        assert "stored as 15.3186; scale" in warning
        assert (await put(client, documents[0])).json()["warnings"] == []
