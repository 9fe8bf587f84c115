"""Points: their ids, vectors and payloads, and changes of them."""

import pytest

import seismic
from seismic import load_encoder

from .conftest import SPARSE

pytestmark = pytest.mark.anyio

HEX, DASHED = "6ba7b8109dad11d180b400c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


async def ids_of(qdrant, **body):
    found = await qdrant.result("POST", "/collections/c/points/scroll", {"with_payload": False, **body})
    return [point["id"] for point in found["points"]], found["next_page_offset"]


async def test_ids_are_integers_uuids_and_any_text(served):
    given = [7, 10, 9, 2**64 - 1, HEX, "text/1", "007"]
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": id, "vector": SPARSE} for id in given])
        wanted = [7, 9, 10, 2**64 - 1, "007", DASHED, "text/1"]
        assert await ids_of(qdrant) == (wanted, None)
        assert await ids_of(qdrant, limit=2, offset=8) == ([9, 10], 2**64 - 1)
        assert await ids_of(qdrant, limit=2, offset=HEX) == ([DASHED, "text/1"], None)
        assert await ids_of(qdrant, filter={"must": [{"has_id": [HEX, 7]}]}) == ([7, DASHED], None)
        for form in (HEX, DASHED, HEX.upper(), f"urn:uuid:{DASHED}"):
            (found,) = await qdrant.result("POST", "/collections/c/points", {"ids": [form]})
            assert found["id"] == DASHED
        await qdrant.upsert([{"id": DASHED.upper(), "vector": SPARSE, "payload": {"a": 1}}])
        await qdrant.result("POST", "/collections/c/points/delete", {"points": [HEX, "007", 12345]})
        assert (await ids_of(qdrant))[0] == [7, 9, 10, 2**64 - 1, "text/1"]


async def test_ids_of_collections_made_elsewhere_keep_their_form(served, tmp_path):
    seismic.create(tmp_path / "c", dimension=10)
    seismic.upsert(tmp_path / "c", [{1: 1.0}], [{"id": HEX}])
    seismic.create(tmp_path / "numbers", dimension=10, ids="int64")
    async with served() as qdrant:
        assert await ids_of(qdrant) == ([HEX], None)
        await qdrant.result(
            "PUT", "/collections/c/points", {"points": [{"id": DASHED, "vector": {"text": SPARSE["s"]}}]}
        )
        assert await ids_of(qdrant) == ([HEX], None)
        points = {"points": [{"id": 12, "vector": {"text": SPARSE["s"]}}, {"id": "3", "vector": {}}]}
        await qdrant.result("PUT", "/collections/numbers/points", points)
        found = await qdrant.result("POST", "/collections/numbers/points/scroll", {"limit": 1, "offset": 4})
        assert [point["id"] for point in found["points"]] == [12]
        words = await qdrant.error("PUT", "/collections/numbers/points", {"points": [{"id": HEX}]})
        assert "expected an integer: ids of this collection are int64" in words


async def test_the_last_of_equal_ids_counts(served):
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert(
            [{"id": id, "vector": SPARSE, "payload": {"n": n}} for n, id in enumerate([1, HEX, "1", DASHED])]
        )
        found = await qdrant.result("POST", "/collections/c/points/scroll", {})
        assert [(point["id"], point["payload"]) for point in found["points"]] == [(1, {"n": 2}), (DASHED, {"n": 3})]


async def test_large_components_and_points_without_vectors(served):
    large = {"s": {"indices": [2**31, 4, 2**32 - 1], "values": [0.5, 0.0, 2.0]}}
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": 1, "vector": large}, {"id": 2}, {"id": 3, "vector": {}}])
        query = {"query": {"indices": [2**32 - 1], "values": [1.0]}, "using": "s", "with_vector": True}
        (hit,) = (await qdrant.result("POST", "/collections/c/points/query", query))["points"]
        assert hit["vector"] == {"s": {"indices": [2**31, 2**32 - 1], "values": [0.5, 2.0]}}
        assert hit["score"] == 2.0
        found = await qdrant.result("POST", "/collections/c/points", {"ids": [2, 3], "with_vector": True})
        assert [point["vector"] for point in found] == [{}, {}]
        await qdrant.result("POST", "/collections/c/points/vectors/delete", {"points": [1], "vector": ["s"]})
        assert (await qdrant.result("POST", "/collections/c/points/query", query))["points"] == []


async def test_nothing_is_written_if_one_point_is_wrong(served):
    async with served() as qdrant:
        await qdrant.create()
        points = [{"id": 1, "vector": SPARSE, "payload": {"a": 1}}, {"id": 2, "vector": SPARSE, "payload": {"a": "x"}}]
        assert "payload 1, key 'a'" in await qdrant.error("PUT", "/collections/c/points", {"points": points})
        assert await qdrant.result("POST", "/collections/c/points/count", {}) == {"count": 0}


PAYLOAD = {
    "title": "A",
    "n": None,
    "meta": {"lang": "en", "at": [{"p": 1, "q": 2}, {"p": 3}]},
    "tags": ["x", 'y"'],
    "id": 5,
    "é.x": 1,
}


@pytest.mark.parametrize(
    ("with_payload", "shown"),
    [
        (True, PAYLOAD),
        (False, None),
        (["title", "meta.lang"], {"title": "A", "meta": {"lang": "en"}}),
        (
            {"include": ["meta.at[].p", "id", '"é.x"', "none"]},
            {"meta": {"at": [{"p": 1}, {"p": 3}]}, "id": 5, "é.x": 1},
        ),
        (
            {"exclude": ["meta.at[].p", "title", "tags", "n"]},
            {"meta": {"lang": "en", "at": [{"q": 2}, {}]}, "id": 5, "é.x": 1},
        ),
        ([], {}),
    ],
)
async def test_payloads_come_back_as_they_were_given(served, with_payload, shown):
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": 1, "vector": SPARSE, "payload": PAYLOAD}])
        for path, body in (("scroll", {}), ("query", {"query": SPARSE["s"], "using": "s"})):
            found = await qdrant.result("POST", f"/collections/c/points/{path}", {**body, "with_payload": with_payload})
            assert found["points"][0].get("payload") == shown


async def test_payloads_are_set_replaced_and_removed(served):
    async with served() as qdrant:
        await qdrant.create()
        first = {"id": 1, "vector": SPARSE, "payload": {"a": 1, "b": {"c": 2}, "n": None}}
        await qdrant.upsert([first, {"id": 2, "payload": {"a": 7}}])

        async def change(method, path, **body):
            answer = await qdrant.result(method, f"/collections/c/points/payload{path}", body)
            assert answer["status"] == "completed"
            found = await qdrant.result("POST", "/collections/c/points", {"ids": [1, 2]})
            return [point["payload"] for point in found]

        changed = await change("POST", "", payload={"x": [1], "a": None}, points=[1])
        assert changed == [{"b": {"c": 2}, "n": None, "x": [1]}, {"a": 7}]
        in_b = {"must": [{"key": "b.c", "match": {"value": 2}}]}
        assert (await change("POST", "", payload={"d": 3}, key="b", filter=in_b))[0]["b"] == {"c": 2, "d": 3}
        removed = await change("POST", "/delete", keys=["b.c", "n", "zzz"], points=[1])
        assert removed[0] == {"b": {"d": 3}, "x": [1]}
        assert await change("PUT", "", payload={"new": True}, points=[1, 2]) == [{"new": True}] * 2
        assert await change("POST", "/clear", points=[2]) == [{"new": True}, {}]
        empty = {"must": [{"is_empty": {"key": "new"}}]}
        assert await qdrant.result("POST", "/collections/c/points/count", {"filter": empty}) == {"count": 1}
        nobody = {"must": [{"key": "a", "match": {"value": 99}}]}
        assert await change("POST", "", payload={"x": 1}, filter=nobody) == [{"new": True}, {}]


async def test_operations_of_a_batch_follow_each_other(served):
    operations = [
        {"upsert": {"points": [{"id": 1, "vector": SPARSE, "payload": {"a": 1}}, {"id": 2, "vector": SPARSE}]}},
        {"set_payload": {"payload": {"b": 2}, "filter": {"must": [{"key": "a", "match": {"value": 1}}]}}},
        {"update_vectors": {"points": [{"id": 1, "vector": {"s": {"indices": [9], "values": [4.0]}}}]}},
        {"delete": {"points": [2]}},
    ]
    async with served() as qdrant:
        await qdrant.create()
        assert len(await qdrant.result("POST", "/collections/c/points/batch", {"operations": operations})) == 4
        body = {"query": {"indices": [9], "values": [0.5]}, "using": "s", "with_payload": True}
        (hit,) = (await qdrant.result("POST", "/collections/c/points/query", body))["points"]
        assert (hit["id"], hit["score"], hit["payload"]) == (1, 2.0, {"a": 1, "b": 2})


async def test_texts_are_encoded_by_the_collection(served, tmp_path):
    seismic.create(tmp_path / "c", encoder=load_encoder("splade-tiny"), columns={"text": "string"})
    seismic.create(tmp_path / "words", encoder=load_encoder("bm25"))
    texts = {1: "planets orbit stars", 2: "cells divide"}
    async with served() as qdrant:
        for name, model in (("c", "splade-tiny"), ("words", "Qdrant/BM25")):
            points = [{"id": id, "vector": {"text": {"text": text, "model": model}}} for id, text in texts.items()]
            await qdrant.upsert(points, name)
            body = {"query": {"nearest": {"text": "orbit", "model": model}}, "using": "text", "limit": 1}
            (hit,) = (await qdrant.result("POST", f"/collections/{name}/points/query", body))["points"]
            assert hit["id"] == 1
        other = {"query": {"nearest": {"text": "orbit", "model": "other"}}, "using": "text"}
        assert "expected 'splade-tiny'" in await qdrant.error("POST", "/collections/c/points/query", other)
        found = await qdrant.result("POST", "/collections/c/points/scroll", {})
        assert [point["payload"] for point in found["points"]] == [{}, {}]


async def test_modifier_idf_weighs_queries(served):
    async with served() as qdrant:
        body = {"vectors": {"d": {"size": 8, "distance": "Dot"}}, "sparse_vectors": {"s": {"modifier": "idf"}}}
        await qdrant.result("PUT", "/collections/c", body)
        weights = {1: [1, 2], 2: [1], 3: [1], 4: [3]}
        vectors = {id: {"s": {"indices": of, "values": [1.0] * len(of)}} for id, of in weights.items()}
        await qdrant.upsert([{"id": id, "vector": vector} for id, vector in vectors.items()])
        info = await qdrant.result("GET", "/collections/c")
        assert info["config"]["params"] == {"vectors": body["vectors"], "sparse_vectors": {"s": {"modifier": "idf"}}}
        query = {"query": {"indices": [1, 2], "values": [1.0, 1.0]}, "using": "s"}
        points = (await qdrant.result("POST", "/collections/c/points/query", query))["points"]
        idf = {1: 0.35667494, 2: 1.2039728}  # ln(1 + (4 - n + 0.5) / (n + 0.5)) for n = 3 and n = 1
        assert points[0]["id"] == 1
        assert [point["score"] for point in points] == pytest.approx([idf[1] + idf[2], idf[1], idf[1]], rel=1e-4)
        options = {"sparse_vectors": {"s": {"modifier": "idf"}}, "optimizers_config": {}}
        assert await qdrant.result("PATCH", "/collections/c", options) is True


async def test_collections_say_what_their_payloads_have(served):
    payload = {"lang": "en", "n": 1, "x": 0.5, "ok": True, "at": {"lat": 1, "lon": 2}, "id": "a", "tags": ["a"]}
    kinds = {
        "lang": "keyword",
        "n": "integer",
        "x": "float",
        "ok": "bool",
        "at": "geo",
        "id": "keyword",
        "tags": "keyword",
    }
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": 1, "payload": payload}, {"id": 2, "payload": {"n": 2}}])
        for kind in ("keyword", {"type": "integer", "range": True}):
            await qdrant.result("PUT", "/collections/c/index", {"field_name": "lang", "field_schema": kind})
        await qdrant.result("DELETE", "/collections/c/index/lang")
        schema = (await qdrant.result("GET", "/collections/c"))["payload_schema"]
        assert {key: one["data_type"] for key, one in schema.items()} == kinds
        assert (schema["n"]["points"], schema["lang"]["points"]) == (2, 1)


async def test_facets_count_lists_and_single_values_together(served):
    async with served() as qdrant:
        await qdrant.create()
        tags = ["a", "b", ["a", "b"], ["a"], None]
        await qdrant.upsert([{"id": 0, "vector": SPARSE, "payload": {"tag": "a"}}])
        await qdrant.upsert([{"id": id, "vector": SPARSE, "payload": {"tag": tag}} for id, tag in enumerate(tags, 1)])
        found = await qdrant.result("POST", "/collections/c/facet", {"key": "tag", "exact": True})
        assert found == {"hits": [{"value": "a", "count": 4}, {"value": "b", "count": 2}]}
        assert await qdrant.result("POST", "/collections/c/facet", {"key": "none"}) == {"hits": []}


async def test_scores_above_the_threshold_only(served):
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": id, "vector": {"s": {"indices": [1], "values": [float(id)]}}} for id in (1, 2, 3)])
        for threshold, wanted in ((2.0, [3]), (1.99, [3, 2]), (-5.0, [3, 2, 1]), (None, [3, 2, 1])):
            body = {"query": {"indices": [1], "values": [1.0]}, "using": "s", "score_threshold": threshold}
            points = (await qdrant.result("POST", "/collections/c/points/query", body))["points"]
            assert [point["id"] for point in points] == wanted


async def test_reciprocal_rank_fusion(served):
    vectors = {1: ([1], [3.0]), 2: ([1, 5], [2.0, 1.0]), 3: ([5], [4.0])}
    runs = [{"query": {"indices": [one], "values": [1.0]}, "using": "s"} for one in (1, 5)]
    body = {"prefetch": runs, "query": {"fusion": "rrf"}, "limit": 2}
    async with served() as qdrant:
        await qdrant.create()
        for id, (indices, values) in vectors.items():
            vector = {"s": {"indices": indices, "values": values}}
            await qdrant.upsert([{"id": id, "vector": vector, "payload": {"n": id}}])

        async def query(**more):
            found = await qdrant.result("POST", "/collections/c/points/query", {**body, **more})
            return [(point["id"], point["score"]) for point in found["points"]]

        assert (await query())[0] == (2, pytest.approx(2 / 3))  # second in both runs: 1 / (2 + 1) twice
        not_2 = {"must_not": [{"key": "n", "match": {"value": 2}}]}
        assert await query(filter=not_2, score_threshold=0.4) == [(1, 0.5), (3, 0.5)]
        assert await query(filter=not_2, score_threshold=0.5) == []
        assert await query(query={"rrf": {"k": 1}}, offset=1, limit=5) == [(2, 1.0), (3, 1.0)]
