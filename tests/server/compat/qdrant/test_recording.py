"""Recorded calls of qdrant-client 1.20.0, also by LangChain, LlamaIndex and Haystack, are answered as Qdrant does."""

import json
import math

import pytest

from tests.conftest import DATA

pytestmark = pytest.mark.anyio

CALLS = [json.loads(line) for line in (DATA.parent / "compat" / "qdrant-calls.jsonl").read_text().splitlines()]

SKIPPED = {"upsert str id not uuid": "any text is an id here"}
REFUSED = {
    "query_points recommend": "recommendations are not supported",
    "query Document text": "the collection has no encoder",
    "query Document text cloud_inference": "the collection has no encoder",
}
OTHER = {
    "client": "title",
    "info": "title",
    "query_points rrf prefetch": "ranks of ties, which are in another order",
    "query_points_groups": "groups of ties",
    "get_collection": "options of storage",
    "langchain-qdrant 1.1.0: from_existing_collection": "options of storage",
    "langchain-qdrant 1.1.0: mmr": "options of storage",
    "facet": "the recorder lost the delete of the batch before",
    "get_aliases": "the recorder lost the alias",
}
"""Calls whose answers differ, and why: only the status is compared."""


async def test_the_recording_is_answered_as_recorded(running, tmp_path):
    async with running(tmp_path, compat="qdrant") as client:
        for number, call in enumerate(CALLS):
            name, place = call["call"], f"call {number}: {call['call']}"
            if name in SKIPPED or (name.startswith("llama-index") and number > 63):
                continue
            body = {"json": call["body"]} if "body" in call else {}
            path = f"/qdrant{call['path']}"
            response = await client.request(call["method"], path, params=call.get("query"), **body)
            if name in REFUSED:
                assert response.status_code == 400, place
                assert REFUSED[name] in response.json()["status"]["error"], place
                continue
            assert response.status_code == call["status"], f"{place}: {response.text}"
            if name in OTHER or name.startswith("llama-index"):
                continue
            answer = response.json()
            answer.pop("time")
            if response.is_success:
                assert_alike(answer, call["answer"], place)
            else:
                assert answer["status"]["error"], place


async def test_dense_vectors_of_llama_index_are_refused(running, tmp_path):
    """It writes a dense vector with every point, so that dropping it would lie."""
    calls = [call for call in CALLS if call["call"].startswith("llama-index")]
    create, add = (
        next(call for call in calls if call["path"] == path) for path in ("/collections/li", "/collections/li/points")
    )
    async with running(tmp_path, compat="qdrant") as client:
        assert (await client.put("/qdrant/collections/li", json=create["body"])).is_success
        refused = await client.put("/qdrant/collections/li/points", json=add["body"])
        assert refused.status_code == 400
        assert "vector.text-dense: dense vectors are not supported" in refused.json()["status"]["error"]
        counted = await client.post("/qdrant/collections/li/points/count", json={})
        assert counted.json()["result"] == {"count": 0}


def assert_alike(found, wanted, place):
    """Compare answers. Stored weights have 16 bits, and ties are in another order."""
    if isinstance(wanted, dict):
        ignored = {"operation_id"}
        assert found.keys() - ignored == wanted.keys() - ignored, place
        for name in wanted.keys() - ignored:
            assert_alike(found[name], wanted[name], f"{place}.{name}")
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], dict) and "score" in wanted[0]:
        assert_alike([one["score"] for one in found], [one["score"] for one in wanted], place)
        by_id = {one["id"]: one for one in found}
        scores = [one["score"] for one in wanted]
        for one in wanted:
            if one["id"] in by_id:
                assert_alike(by_id[one["id"]], one, place)
            else:
                assert scores.count(one["score"]) > 1 or one["score"] == scores[-1], f"{place}: {one['id']} is missing"
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), place
        for at, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_alike(one, other, f"{place}[{at}]")
    elif isinstance(wanted, float):
        assert math.isclose(found, wanted, rel_tol=1e-4), place
    else:
        assert found == wanted, place
