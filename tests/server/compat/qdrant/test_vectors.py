"""Several vectors, and what compaction and the service's own API do to points."""

import pytest

import seismic

from ...test_jobs import over
from .conftest import SPARSE

pytestmark = pytest.mark.anyio


async def test_several_vectors_are_searched_and_changed_apart(served):
    sparse = {"title": {}, "body": {"modifier": "idf"}}
    first = {"title": {"indices": [7], "values": [2.0]}, "body": {"indices": [2**32 - 1, 7], "values": [1.0, 3.0]}}
    second = {"title": {"indices": [7, 8], "values": [1.0, 4.0]}}
    async with served() as qdrant:
        await qdrant.result("PUT", "/collections/c", {"sparse_vectors": sparse})
        await qdrant.upsert([{"id": 1, "vector": first}, {"id": 2, "vector": second, "payload": {"a": 1}}])
        assert (await qdrant.result("GET", "/collections/c"))["config"]["params"]["sparse_vectors"] == sparse

        async def search(using, **more):
            body = {"query": {"indices": [7], "values": [1.0]}, "using": using, **more}
            points = (await qdrant.result("POST", "/collections/c/points/query", body))["points"]
            return [(point["id"], pytest.approx(point["score"], rel=1e-4)) for point in points]

        assert await search("title") == [(1, 2.0), (2, 1.0)]
        assert await search("body") == [(1, 3 * 0.2876821)]  # ln(1 + (1 - 1 + 0.5) / (1 + 0.5))
        assert await search("title", query=1) == [(2, 2.0)]
        (found,) = await qdrant.result("POST", "/collections/c/points", {"ids": [1], "with_vector": ["body"]})
        assert found["vector"] == {"body": {"indices": [7, 2**32 - 1], "values": [3.0, pytest.approx(1.0, rel=1e-4)]}}
        changed = {"points": [{"id": 2, "vector": {"body": {"indices": [7], "values": [1.0]}}}]}
        await qdrant.result("PUT", "/collections/c/points/vectors", changed)
        await qdrant.result("POST", "/collections/c/points/vectors/delete", {"points": [1], "vector": ["title"]})
        found = await qdrant.result("POST", "/collections/c/points", {"ids": [1, 2], "with_vector": True})
        assert [point["vector"].keys() for point in found] == [{"body"}, {"title", "body"}]
        assert found[1]["payload"] == {"a": 1}
        wrong = {"query": {"indices": [7], "values": [1.0]}, "using": "other"}
        assert "expected 'title', 'body'" in await qdrant.error("POST", "/collections/c/points/query", wrong)
        runs = [{"query": {"indices": [7], "values": [1.0]}, "using": using} for using in sparse]
        body = {"prefetch": runs, "query": {"fusion": "rrf"}}
        assert len((await qdrant.result("POST", "/collections/c/points/query", body))["points"]) == 2


async def test_texts_of_several_vectors(served, tmp_path):
    fields = {"words": {"encoder": "bm25"}, "pieces": {"encoder": "splade-tiny"}, "raw": {}}
    seismic.create(tmp_path / "c", fields=fields)
    text = {"text": "planets orbit stars", "model": "bm25"}
    vector = {"words": text, "pieces": {**text, "model": "splade-tiny"}, "raw": SPARSE["s"]}
    async with served() as qdrant:
        await qdrant.upsert([{"id": 1, "vector": vector}, {"id": 2, "vector": {"words": {**text, "text": "cells"}}}])
        for using, model in (("words", "bm25"), ("pieces", "splade-tiny")):
            body = {"query": {"nearest": {"text": "orbit", "model": model}}, "using": using}
            points = (await qdrant.result("POST", "/collections/c/points/query", body))["points"]
            assert [point["id"] for point in points] == [1]
        no_encoder = {"query": {"nearest": {"text": "orbit", "model": "bm25"}}, "using": "raw"}
        assert "no encoder" in await qdrant.error("POST", "/collections/c/points/query", no_encoder)


async def test_compaction_keeps_names_ids_and_payloads(served):
    body = {"vectors": {"d": {"size": 8, "distance": "Dot"}}, "sparse_vectors": {"s": {"modifier": "idf"}}}
    async with served() as qdrant:
        await qdrant.result("PUT", "/collections/c", body)
        await qdrant.upsert(
            [{"id": id, "vector": SPARSE, "payload": {"n": [id, id], "x": None}} for id in (5, 40, 300)]
        )
        await qdrant.result("POST", "/collections/c/points/delete", {"points": [40]})
        before = await qdrant.result("POST", "/collections/c/points/scroll", {"with_vector": True})
        done = await over(qdrant.client, await qdrant.client.post("/v1/collections/c:compact"))
        assert done["state"] == "done", done
        assert await qdrant.result("POST", "/collections/c/points/scroll", {"with_vector": True}) == before
        assert (await qdrant.result("GET", "/collections/c"))["config"]["params"] == body
        assert [point["id"] for point in before["points"]] == [5, 300]
        assert "/qdrant/collections/{name}/points/scroll" in (await qdrant.client.get("/metrics")).text


async def test_changes_by_the_services_own_api_show(served):
    payload = {
        "title": "A",
        "meta": {"year": 1, "n": None},
        "tags": ["x"],
        "place": {"lat": 1.5, "lon": 2.0, "name": "P"},
    }
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": id, "vector": SPARSE, "payload": payload} for id in (1, 2)])
        await qdrant.upsert([{"id": 1, "vector": SPARSE, "payload": {**payload, "title": ["A", "B"], "id": "d"}}])
        url = "/v1/collections/c/documents"
        patch = {"documents": [{"id": "1", "payload": {"meta.year": 2, "meta.new": "n"}, "unset": ["tags"]}]}
        assert (await qdrant.client.patch(url, json=patch)).status_code == 200
        put = {"documents": [{"id": "3", "indices": [1], "values": [1.0], "payload": {"meta.year": 3}}]}
        assert (await qdrant.client.put(url, json=put)).status_code == 200
        found = await qdrant.result("POST", "/collections/c/points/scroll", {})
        first = {
            "title": ["A", "B"],
            "meta": {"year": 2, "new": "n"},
            "place": payload["place"],
            "id": "d",
        }
        assert [point["payload"] for point in found["points"]] == [first, payload, {"meta": {"year": 3}}]
        filtered = {"filter": {"meta.year": 1}, "payload": {"meta.year": 7}}
        assert (await qdrant.client.patch(url, json=filtered)).status_code == 200
        found = await qdrant.result("POST", "/collections/c/points", {"ids": [2]})
        assert found[0]["payload"] == {**payload, "meta": {"year": 7}}
