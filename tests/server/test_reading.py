"""Documents by id and page by page, over REST."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

import seismic
from seismic import SparseVectors

from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny"


async def get(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.post(f"{URL}/documents/get", json=body)


async def scroll(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.post(f"{URL}/documents/scroll", json=body)


async def test_documents_by_id(running, tiny):
    async with running(tiny) as client:
        found = (await get(client, ids=["c", "none", "a", "c"], with_payload=["year"], with_vector=True)).json()
        c = {"id": "c", "payload": {"year": 2003}, "vector": {"indices": [2], "values": [1.0]}}
        a = {"id": "a", "payload": {"year": 2001}, "vector": {"indices": [0, 1], "values": [1.0, 2.0]}}
        expected = {"documents": [c, a, c], "missing": ["none"], "generation": "000001", "sequence": 0}
        assert {**found, "took_ms": 0} == {**expected, "took_ms": 0}
        assert (await get(client, ids=["b"], with_payload=False)).json()["documents"] == [{"id": "b"}]


async def test_pages(running, tiny):
    async with running(tiny) as client:
        first = (await scroll(client, limit=2, with_payload=False)).json()
        assert first["documents"] == [{"id": "a"}, {"id": "b"}]
        change = {"documents": [{"id": "aa", "indices": [], "values": []}, {"id": "d", "indices": [], "values": []}]}
        assert (await client.put(f"{URL}/documents", json=change)).status_code == 200
        seismic.compact(tiny / "tiny")
        last = (await scroll(client, limit=2, with_payload=["title"], cursor=first["cursor"])).json()
        titled = [{"id": "c", "payload": {"title": "C"}}, {"id": "d", "payload": {"title": None}}]
        assert last["documents"] == titled  # empty vectors included
        assert "cursor" not in last
        wanted = {"must": [{"key": "year", "range": {"gte": 2002}}]}
        order = {"key": "year", "direction": "desc"}
        matching = (await scroll(client, filter=wanted, order_by=order, with_payload=False, with_vector=True)).json()
        assert [document["id"] for document in matching["documents"]] == ["c", "b"]
        assert matching["documents"][1]["vector"] == {"indices": [1], "values": [1.0]}
        nothing = (await scroll(client, filter={"must": [{"key": "year", "match": {"value": 1}}]})).json()
        assert nothing["documents"] == []
        assert "cursor" not in nothing


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("get", {"ids": [7]}, "ids: found 7, expected a string"),
        ("get", {"ids": []}, "#/ids"),
        ("get", {}, "#/ids: field is missing"),
        ("get", {"ids": ["a"] * 11}, "ids: found 11, expected at most 10 (setting max_limit)"),
        ("get", {"ids": ["none"], "with_payload": ["none"]}, "unknown payload column 'none'"),
        ("get", {"ids": ["a"], "with_vector": "tokens"}, "has no vocabulary"),
        ("get", {"ids": ["a"], "limit": 1}, "#/limit: unknown field"),
        ("scroll", {"limit": 0}, "#/limit"),
        ("scroll", {"limit": 11}, "limit: found 11, expected at most 10 (setting max_limit)"),
        ("scroll", {"limit": 1, "cursor": "none"}, "cursor: found 'none', expected the cursor of a page"),
        ("scroll", {"limit": 1, "cursor": 7}, "#/cursor"),
        ("scroll", {"limit": 1, "order_by": "year"}, "#/order_by"),
        (
            "scroll",
            {"limit": 1, "order_by": {"key": "none"}},
            "order_by.key: unknown column 'none'; this collection has id",
        ),
        ("scroll", {"limit": 1, "order_by": {"key": "year", "direction": "up"}}, "#/order_by/direction"),
        ("scroll", {"limit": 1, "order_by": {"key": "year", "dir": "asc"}}, "#/order_by/dir"),
        ("scroll", {"limit": 1, "filter": {"must": [{"key": "none", "match": {"value": 1}}]}}, "filter.must[0]"),
        ("scroll", {"limit": 1, "with_payload": ["none"]}, "unknown payload column 'none'"),
    ],
)
async def test_wrong_requests(running, tiny, route, body, message):
    async with running(tiny, max_limit=10) as client:
        assert message in problem(await client.post(f"{URL}/documents/{route}", json=body), 422).detail


async def test_answers_have_a_largest_size(running, tiny):
    async with running(tiny, max_answer_bytes=100) as client:
        assert "max_answer_bytes" in problem(await scroll(client, limit=3, with_vector=True), 422).detail
        assert (await scroll(client, limit=1, with_payload=False)).status_code in (200, 422)


async def test_a_document_is_deleted_by_its_address(running, tmp_path: Path):
    ids = ["a/b", "get", "delete", ".", "line\nfeed", "é"]
    seismic.build(SparseVectors.from_dicts([{0: 1.0}] * len(ids)), tmp_path / "tiny", documents={"id": ids})
    async with running(tmp_path) as client:
        paths = ["a/b", "get", "delete", "%2E", "line%0Afeed", "%C3%A9"]
        for number, path in enumerate(paths, 1):
            answer = await client.delete(f"{URL}/documents/{path}")
            assert answer.status_code == 200, path
            assert (answer.json()["sequence"], answer.json()["documents"]) == (number, 1)
            assert (await client.get(f"{URL}/documents/{path}")).status_code == 404
        assert (await client.post(f"{URL}/count", json={})).json()["count"] == 0
        assert (await client.delete(f"{URL}/documents/never")).status_code == 200
        assert "?x" in problem(await client.delete(f"{URL}/documents/a?x=1"), 422).detail


async def test_other_methods_are_named(running, tiny):
    async with running(tiny) as client:
        for path, methods in (("documents/a", "DELETE, GET"), ("documents/get", "POST"), ("documents", "PATCH, PUT")):
            refused = await client.request("TRACE", f"{URL}/{path}")
            assert (refused.status_code, refused.headers["allow"]) == (405, methods), path


async def test_ids_of_another_type(running, tmp_path: Path):
    seismic.build(SparseVectors.from_dicts([{0: 1.0}]), tmp_path / "tiny", documents={"id": [7]})
    async with running(tmp_path) as client:
        detail = problem(await client.delete(f"{URL}/documents/seven"), 422).detail
        assert detail == "id: found 'seven', expected int64, as ids of this collection are"
        assert (await get(client, ids=[7, 8])).json()["missing"] == [8]
        assert (await scroll(client)).json()["documents"] == [{"id": 7, "payload": {}}]
        assert (await client.delete(f"{URL}/documents/7")).json()["documents"] == 1
        assert (await scroll(client)).json()["documents"] == []


async def test_a_read_only_key_reads_and_does_not_delete(running, tiny, tmp_path: Path):
    from seismic_server.access.keys import create_key

    key = create_key(tmp_path / "keys.json", "reader", "read-only")
    async with running(tiny, keys_file=tmp_path / "keys.json") as client:
        headers = {"Authorization": f"Bearer {key}"}
        for route, body in (("get", {"ids": ["a"]}), ("scroll", {})):
            answer = await client.post(f"{URL}/documents/{route}", json=body, headers=headers)
            assert len(answer.json()["documents"]) >= 1
        problem(await client.delete(f"{URL}/documents/a", headers=headers), 403)
