"""Patches, conditions, deletes by filter and waits for changes, over REST."""

import asyncio
from typing import Any

import httpx2
import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny"
NEWEST = {"must": [{"key": "year", "range": {"gte": 2002}}]}


async def put(client: httpx2.AsyncClient, *documents: dict[str, Any]) -> httpx2.Response:
    return await client.put(f"{URL}/documents", json={"documents": list(documents)})


async def patch(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.patch(f"{URL}/documents", json=body)


async def delete(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.post(f"{URL}/documents/delete", json=body)


async def shown(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = (await client.post(f"{URL}/documents/scroll", json={"with_vector": True})).json()
    return {one["id"]: (one["payload"], one["vector"]["values"]) for one in answer["documents"]}


def counts(answer: httpx2.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [answer.json()[name] for name in ("sequence", "documents", "created", "updated", "deleted")]


async def test_counts_of_changes(running, tiny):
    async with running(tiny) as client:
        vector = {"indices": [1], "values": [1.0]}
        assert counts(await put(client, {"id": "a", **vector}, {"id": "d", **vector})) == [1, 2, 1, 1, 0]
        assert counts(await delete(client, ids=["d", "never", "d"])) == [2, 3, 0, 0, 1]
        assert counts(await client.delete(f"{URL}/documents/never")) == [3, 1, 0, 0, 0]
        documents = [{"id": "b", "payload": {"year": 7}}, {"id": "never", "payload": {"year": 8}}]
        assert counts(await patch(client, documents=documents)) == [4, 2, 0, 1, 0]


async def test_patches(running, tiny):
    async with running(tiny) as client:
        documents = [
            {"id": "a", "payload": {"title": "new"}},
            {"id": "b", "unset": ["title"], "indices": [3], "values": [9.0]},
            {"id": "never", "indices": [3], "values": [9.0]},
            {"id": "c", "payload": {"tag": ["x"], "year": None}},
        ]
        assert counts(await patch(client, documents=documents))[:2] == [1, 4]
        expected = {
            "a": ({"title": "new", "year": 2001, "tag": None}, [1.0, 2.0]),
            "b": ({"title": None, "year": 2002, "tag": None}, [9.0]),
            "c": ({"title": "C", "year": None, "tag": ["x"]}, [1.0]),
        }
        assert await shown(client) == expected
        assert counts(await patch(client, filter=NEWEST, payload={"title": "T"}, unset=["tag"])) == [2, 1, 0, 1, 0]
        assert (await shown(client))["b"][0]["title"] == "T"
        assert counts(await patch(client, documents=[{"id": "a", "payload": {"year": 1}}], mode="replace"))[0] == 3
        assert (await shown(client))["a"] == ({"title": None, "year": 1, "tag": None}, [1.0, 2.0])
        assert counts(await patch(client, filter={"ids": ["none"]}, unset=["tag"])) == [3, 0, 0, 0, 0]
        assert counts(await delete(client, filter=NEWEST)) == [4, 1, 0, 0, 1]
        assert sorted(await shown(client)) == ["a", "c"]
        before = await shown(client)
        seismic.compact(tiny / "tiny")
        assert await shown(client) == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "#: expected either 'documents' or 'filter' (found neither)"),
        ({"documents": [{"id": "a"}], "filter": {}}, "(found both)"),
        ({"documents": []}, "#/documents"),
        ({"documents": [{"id": "a"}], "payload": {"year": 1}}, "found 'payload' or 'unset' next to 'documents'"),
        ({"filter": {}}, "found neither 'payload' nor 'unset'"),
        ({"filter": {}, "payload": {"year": 1}, "unset": ["year"]}, "found 'year' in 'payload' and in 'unset'"),
        ({"filter": {}, "payload": {"year": 1}, "mode": "add"}, "#/mode"),
        ({"filter": {}, "payload": {"year": "x"}}, "row 0, field 'year': found 'x', expected int64"),
        ({"filter": {}, "payload": {"id": "x"}}, "row 0, field 'id': unknown payload column"),
        ({"filter": {}, "unset": ["none"]}, "unset: found column 'none', expected payload columns"),
        ({"filter": {"must": [{"key": "none", "match": {"value": 1}}]}, "unset": ["year"]}, "filter.must[0]"),
        ({"documents": [{"id": "a", "payload": {"year": 1}, "unset": ["year"]}]}, "found 'year' in 'payload' and in"),
        ({"documents": [{"id": "a"}, {"id": "b", "unset": ["none"]}]}, "row 1, field 'unset': found column 'none'"),
        ({"documents": [{"id": "a"}, {"id": "b", "payload": {"year": "x"}}]}, "row 1, field 'year': found 'x'"),
        ({"documents": [{"id": "a"}, {"id": "a"}]}, "row 1, field 'id': found 'a', a duplicate of row 0"),
        ({"documents": [{"id": 7}]}, "row 0, field 'id': found 7, expected string"),
        ({"documents": [{"id": "a", "indices": [1]}]}, "#/documents/0: expected either 'indices' and 'values'"),
        ({"documents": [{"id": "a", "text": "x"}]}, "this collection has no encoder"),
        ({"documents": [{"id": "a", "if_sequence": -1}]}, "#/documents/0/if_sequence"),
        ({"documents": [{"id": "a", "if_sequence": 9}]}, "if_sequence: found 9, expected at most 0, the last change"),
        ({"documents": [{"id": "a", "if_absent": True}]}, "#/documents/0/if_absent: unknown field"),
    ],
)
async def test_a_wrong_patch_changes_nothing(running, tiny, body, message):
    async with running(tiny) as client:
        assert message in problem(await client.patch(f"{URL}/documents", json=body), 422).detail
        assert (await client.get(URL)).json()["sequence"] == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "#: expected either 'ids' or 'filter' (found neither)"),
        ({"ids": ["a"], "filter": {}}, "(found both)"),
        ({"filter": {}, "if_sequence": 0}, "found 'if_sequence' next to 'filter', expected it next to 'ids'"),
    ],
)
async def test_wrong_deletes(running, tiny, body, message):
    async with running(tiny) as client:
        assert message in problem(await delete(client, **body), 422).detail


async def test_conditions(running, tiny):
    async with running(tiny) as client:
        vector = {"indices": [1], "values": [1.0]}
        read = (await client.get(f"{URL}/documents/a")).json()["sequence"]
        assert counts(await put(client, {"id": "a", **vector, "if_sequence": read}))[0] == 1
        refused = problem(await put(client, {"id": "e", **vector}, {"id": "a", **vector, "if_sequence": read}), 409)
        assert refused.type == "urn:problem-type:seismic:conflict"
        assert "document 'a': change 1 is later than 0 (if_sequence)" in refused.detail
        assert [(one.id, one.sequence) for one in refused.conflicts] == [("a", 1)]
        assert "e" not in await shown(client)
        assert counts(await put(client, {"id": "new", **vector, "if_absent": True}))[2] == 1
        refused = problem(await put(client, {"id": "new", **vector, "if_absent": True}), 409)
        assert [(one.id, one.sequence) for one in refused.conflicts] == [("new", 2)]
        problem(await patch(client, documents=[{"id": "a", "unset": ["year"], "if_sequence": 0}]), 409)
        problem(await delete(client, ids=["b", "a"], if_sequence=0), 409)
        assert sorted(await shown(client)) == ["a", "b", "c", "new"]
        assert counts(await delete(client, ids=["b", "a"], if_sequence=2))[4] == 2
        both = {"id": "a", **vector, "if_sequence": 0, "if_absent": True}
        assert "found 'if_absent' and 'if_sequence'" in problem(await put(client, both), 422).detail


async def test_exactly_one_of_many_claims_an_id(running, tiny):
    async with running(tiny) as client:
        documents = [{"id": "one", "indices": [1], "values": [1.0 + at], "if_absent": True} for at in range(30)]
        plain = [{"id": f"p{at}", "indices": [1], "values": [1.0]} for at in range(10)]
        answers = await asyncio.gather(*(put(client, document) for document in [*documents, *plain]))
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses[:30]) == [200] + [409] * 29
        assert set(statuses[30:]) == {200}
        won = statuses.index(200)
        assert (await shown(client))["one"][1] == [1.0 + won]


async def test_waiting_for_a_change_of_another_process(running, tiny):
    async with running(tiny, timeout_ms=60_000) as client:
        query = {"query": {"indices": [1], "values": [1.0]}, "min_sequence": 1}
        waiting = [
            asyncio.create_task(client.post(f"{URL}/search", json=query)),
            asyncio.create_task(client.post(f"{URL}/search/batch", json={"searches": [query]})),
            asyncio.create_task(client.post(f"{URL}/count", json={"min_sequence": 1})),
            asyncio.create_task(client.post(f"{URL}/documents/get", json={"ids": ["new"], "min_sequence": 1})),
            asyncio.create_task(client.post(f"{URL}/documents/scroll", json={"min_sequence": 1})),
            asyncio.create_task(client.get(f"{URL}/documents/new?min_sequence=1")),
        ]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in waiting)
        documents = pa.table({"id": ["new"], "year": [1]})
        seismic.upsert(tiny / "tiny", SparseVectors.from_dicts([{1: 5.0}], 4), documents)
        found, batch, count, got, scrolled, one = [answer.json() for answer in await asyncio.gather(*waiting)]
        assert found["hits"][0]["id"] == batch["answers"][0]["hits"][0]["id"] == "new"
        assert count["count"] == 4
        assert got["documents"][0]["id"] == one["id"] == "new"
        assert len(scrolled["documents"]) == 4


async def test_a_change_that_does_not_come_is_a_missed_deadline(running, tiny):
    async with running(tiny, timeout_ms=300) as client:
        late = problem(await client.post(f"{URL}/count", json={"min_sequence": 7}), 504)
        assert late.detail == "min_sequence: collection 'tiny' is served up to change 0, expected 7 before the deadline"
        assert "?min_sequence" in problem(await client.get(f"{URL}/documents/a?min_sequence=-1"), 422).detail
        query = {"query": {"indices": [1], "values": [1.0]}, "min_sequence": 7, "params": {"timeout_ms": 50}}
        problem(await client.post(f"{URL}/search", json=query), 504)
