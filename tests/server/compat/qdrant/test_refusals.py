"""What is not supported is refused in words, with status 400, and never answered as something else."""

import pytest

from .conftest import SPARSE

pytestmark = pytest.mark.anyio

NEAREST = {"nearest": SPARSE["s"]}


def query(**more):
    return "POST", "/collections/c/points/query", {"query": NEAREST, "using": "s", **more}


def filtered(**condition):
    return "POST", "/collections/c/points/count", {"filter": {"must": [condition]}}


def put(**point):
    return "PUT", "/collections/c/points", {"points": [{"id": 1, "vector": SPARSE, **point}]}


REFUSALS = {
    "dense query": (query(query=[0.1, 0.2]), "dense vectors are not supported"),
    "dense nearest": (query(query={"nearest": [0.1]}), "dense vectors are not supported"),
    "recommend": (query(query={"recommend": {"positive": [1]}}), "recommendations are not supported"),
    "discover": (query(query={"discover": {"target": 1, "context": []}}), "discovery is not supported"),
    "context": (query(query={"context": [{"positive": 1, "negative": 2}]}), "context queries are not supported"),
    "sample": (query(query={"sample": "random"}), "random samples are not supported"),
    "formula": (query(query={"formula": 1.0}, prefetch=[]), "formulas are not supported"),
    "mmr": (query(query={**NEAREST, "mmr": {"diversity": 0.5}}), "maximal marginal relevance is not supported"),
    "dbsf": (query(query={"fusion": "dbsf"}, prefetch=[{"query": 1, "using": "s"}]), "expected 'rrf'"),
    "weighted rrf": (query(query={"rrf": {"weights": [1, 2]}}, prefetch=[{"query": 1}]), "the constant 'k' alone"),
    "rescoring": (query(prefetch=[{"query": 1, "using": "s"}]), "a query that rescores it"),
    "nested prefetch": (
        query(query={"fusion": "rrf"}, prefetch=[{"prefetch": [{"query": 1}]}]),
        "a prefetch within a prefetch is not supported",
    ),
    "fusion of nothing": (query(query={"fusion": "rrf"}), "found nothing to fuse"),
    "prefetch without a query": (
        query(query={"fusion": "rrf"}, prefetch=[{"limit": 3}]),
        "prefetch[0].query: found none",
    ),
    "shard key": (query(shard_key="a"), "shard keys are not supported"),
    "lookup": (query(lookup_from={"collection": "d"}), "lookups in other collections are not supported"),
    "another vector": (query(using="other"), "Not existing vector name 'other'"),
    "no vector": (query(using=None), "Not existing vector name None"),
    "negative weight": (query(query={"indices": [1], "values": [-1.0]}), "negative ones are not supported"),
    "repeated index": (query(query={"indices": [1, 1], "values": [1.0, 1.0]}), "found one twice"),
    "large index": (query(query={"indices": [1 << 32], "values": [1.0]}), "expected integers from 0 to 4294967295"),
    "unequal lists": (query(query={"indices": [1], "values": []}), "two lists of equal lengths"),
    "text without encoder": (query(query={"nearest": {"text": "a", "model": "m"}}), "the collection has no encoder"),
    "image": (query(query={"nearest": {"image": "a", "model": "m"}}), "expected 'indices' and 'values'"),
    "no limit": (query(limit=0), "greater than or equal to 1"),
    "large limit": (query(limit=9_999, offset=2), "limit: found 10001, expected at most 10000"),
    "unknown field": (query(colour=1), "#/colour: unknown field"),
    "unknown param": (query(params={"speed": 1}), "#/params/speed: unknown field"),
    "unknown vector to show": (query(with_vector=["other"]), "with_vector: Not existing vector name 'other'"),
    "place in a list": (query(with_payload=["a[0]"]), "places in lists are not supported"),
    "order of a query": (query(query={"order_by": "year", "nearest": 1}), "expected 'order_by' alone"),
    "order of texts": (query(query={"order_by": "lang"}), "found texts under the key 'lang'"),
    "order of lists": (query(query={"order_by": "tags"}), "found lists under the key 'tags'"),
    "full text": (filtered(key="lang", match={"text": "a"}), "full-text conditions are not supported"),
    "any text": (filtered(key="lang", match={"text_any": "a"}), "full-text conditions are not supported"),
    "phrase": (filtered(key="lang", match={"phrase": "a"}), "full-text conditions are not supported"),
    "values_count": (filtered(key="tags", values_count={"gt": 1}), "counts of values are not supported"),
    "polygon": (filtered(key="at", geo_polygon={}), "polygons are not supported"),
    "has_vector": (filtered(has_vector="s"), "conditions on vectors are not supported"),
    "slice": (filtered(slice={"total": 2, "index": 1}), "slices are not supported"),
    "except in lists": (filtered(key="tags", match={"except": ["a"]}), "lists under this key"),
    "several nested": (
        filtered(nested={"key": "a", "filter": {"must": [{"key": "b", "match": {"value": 1}}] * 2}}),
        "several conditions on one object of a list are not supported",
    ),
    "unknown condition": (filtered(near=1), "filter.must[0]: found {'near': 1}, expected 'key'"),
    "key alone": (filtered(key="lang"), "found no condition beside 'key'"),
    "match of a float": (filtered(key="year", match={"value": 1.5}), "expected strings, integers or booleans"),
    "bad date": (filtered(key="day", range={"gt": "yesterday"}), "filter.must[0].range.gt: found 'yesterday'"),
    "deep filter": (
        filtered(
            must=[{"must": [{"must": [{"must": [{"must": [{"must": [{"must": [{"must": [{"has_id": [1]}]}]}]}]}]}]}]}]
        ),
        "levels of conditions",
    ),
    "dense point": (put(vector=[0.1, 0.2]), "point 1: vector: dense vectors are not supported"),
    "dense among sparse": (put(vector={**SPARSE, "d": [0.1]}), "point 1: vector.d: dense vectors are not supported"),
    "multivector": (put(vector={"s": [[0.1]]}), "dense vectors are not supported"),
    "vector without a name": (put(vector=SPARSE["s"]), "found a vector without a name, expected it by name: s"),
    "vector of another name": (put(vector={"t": SPARSE["s"]}), "Not existing vector name 't'"),
    "text to store": (put(vector={"s": {"text": "a", "model": "m"}}), "the collection has no encoder"),
    "conflicting payload": (put(payload={"year": "old"}), "key 'year': found a string ('old'), expected an integer"),
    "negative id": (put(id=-1), "#/points/0/id"),
    "conditional upsert": (
        ("PUT", "/collections/c/points", {"points": [], "update_filter": {"must": []}}),
        "conditional updates are not supported",
    ),
    "batch of dense vectors": (
        ("PUT", "/collections/c/points", {"batch": {"ids": [1], "vectors": [[0.1]]}}),
        "batch.vectors: dense vectors are not supported",
    ),
    "offset of an order": (
        ("POST", "/collections/c/points/scroll", {"order_by": "year", "offset": 1}),
        "pages in the order of a key have none",
    ),
    "groups of lists": (
        ("POST", "/collections/c/points/query/groups", {"query": 1, "using": "s", "group_by": "tags"}),
        "group_by: found lists under the key 'tags'",
    ),
    "groups with lookup": (
        ("POST", "/collections/c/points/query/groups", {"query": 1, "group_by": "year", "with_lookup": "d"}),
        "lookups in other collections are not supported",
    ),
    "groups of fusions": (
        ("POST", "/collections/c/points/query/groups", {"query": {"fusion": "rrf"}, "group_by": "year"}),
        "groups of fusions and of orders are not supported",
    ),
    "groups without a query": (
        ("POST", "/collections/c/points/query/groups", {"group_by": "year"}),
        "points without a query are not supported",
    ),
    "facet of floats": (("POST", "/collections/c/facet", {"key": "price"}), "other values than strings, integers"),
    "overwrite below a key": (
        ("PUT", "/collections/c/points/payload", {"payload": {}, "points": [1], "key": "a"}),
        "a payload is overwritten as a whole",
    ),
    "index of another kind": (
        ("PUT", "/collections/c/index", {"field_name": "a", "field_schema": "trie"}),
        "field_schema: found 'trie'",
    ),
    "dense collection": (
        ("PUT", "/collections/d", {"vectors": {"size": 3, "distance": "Dot"}}),
        "dense vectors are not",
    ),
    "collection without sparse vectors": (
        ("PUT", "/collections/d", {"vectors": {"v": {"size": 3, "distance": "Dot"}}}),
        "sparse_vectors: found none",
    ),
    "copied collection": (
        ("PUT", "/collections/d", {"sparse_vectors": {"s": {}}, "init_from": {"collection": "c"}}),
        "copies of collections are not supported",
    ),
    "custom shards": (
        ("PUT", "/collections/d", {"sparse_vectors": {"s": {}}, "sharding_method": "custom"}),
        "custom sharding is not supported",
    ),
    "changed modifier": (
        ("PATCH", "/collections/c", {"sparse_vectors": {"s": {"modifier": "idf"}}}),
        "found 's' with modifier idf",
    ),
    "old search": (("POST", "/collections/c/points/search", {}), "use points/query"),
    "old recommend": (("POST", "/collections/c/points/recommend/batch", {}), "recommendations are not supported"),
    "snapshots": (("POST", "/collections/c/snapshots", {}), "POST /v1/collections/NAME:snapshot"),
    "cluster": (("GET", "/cluster", None), "clusters are not supported"),
    "shards": (("PUT", "/collections/c/shards", {}), "shards are not supported"),
    "telemetry": (("GET", "/telemetry", None), "telemetry is not supported"),
}


async def test_each_refusal(served):
    payload = {"lang": "en", "year": 2020, "price": 0.5, "tags": ["a", "b"]}
    async with served() as qdrant:
        await qdrant.create()
        await qdrant.upsert([{"id": 1, "vector": SPARSE, "payload": payload}])
        before = await qdrant.result("POST", "/collections/c/points/scroll", {"with_vector": True})
        for name, ((method, path, body), words) in REFUSALS.items():
            found = await qdrant.error(method, path, body)
            assert words in found, f"{name}: {found}"
        assert await qdrant.result("POST", "/collections/c/points/scroll", {"with_vector": True}) == before
        assert await qdrant.result("GET", "/collections") == {"collections": [{"name": "c"}]}


async def test_what_does_not_exist_is_404(served):
    async with served() as qdrant:
        await qdrant.create()
        assert "Collection `d` doesn't exist!" in await qdrant.error("GET", "/collections/d", status=404)
        upsert = {"points": [{"id": 1, "vector": SPARSE}]}
        await qdrant.error("PUT", "/collections/d/points", upsert, status=404)
        search = {"query": 7, "using": "s"}
        assert "No point with id 7" in await qdrant.error("POST", "/collections/c/points/query", search, status=404)
        await qdrant.error("GET", "/collections/c/points/7", status=404)
        change = {"payload": {"a": 1}, "points": [7]}
        assert "No point with id 7" in await qdrant.error("POST", "/collections/c/points/payload", change, status=404)
        rename = {"actions": [{"rename_alias": {"old_alias_name": "a", "new_alias_name": "b"}}]}
        await qdrant.error("POST", "/collections/aliases", rename, status=404)
        assert await qdrant.result("DELETE", "/collections/d") is False
