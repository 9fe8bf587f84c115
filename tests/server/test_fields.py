"""Named vectors over REST."""

import pytest

from .test_problems import problem

pytestmark = pytest.mark.anyio


async def test_one_field(running, tmp_path):
    async with running(tmp_path) as client:
        url = "/v1/collections/papers"
        created = await client.put(url, json={"fields": {"raw": {"idf": True}}})
        assert created.status_code == 201, created.json()
        expected = {"raw": {"has_vocabulary": False, "weight": 1.0, "idf": True}}
        assert created.json()["fields"] == (await client.get(url)).json()["fields"] == expected
        documents = [{"id": "a", "indices": [7], "values": [2.0]}, {"id": "b", "indices": [8], "values": [1.0]}]
        assert (await client.put(f"{url}/documents", json={"documents": documents})).status_code == 200
        query = {"fields": {"raw": {"indices": [7], "values": [1.0]}}, "weights": {"raw": 0.5}}
        hits = (await client.post(f"{url}/search", json={"query": query})).json()["hits"]
        assert [(hit["id"], round(hit["score"], 4)) for hit in hits] == [("a", 0.6931)]
        for wrong, words in (
            ({"fields": {"other": {"indices": [7], "values": [1.0]}}}, "found field 'other', expected raw"),
            ({"fields": {"raw": {"indices": [7], "values": [1.0]}}, "weights": {"x": 1}}, "weights: found field 'x'"),
            ({"fields": {"raw": {"indices": [7], "values": [1.0]}}, "weights": {"raw": -1}}, "weights"),
            ({"fields": {"raw": {"indices": [7], "values": [1.0]}}, "indices": [7]}, "expected an object"),
            ({"fields": {"raw": "planet"}}, "field 'raw' has no encoder"),
            ({"fields": {}}, "fields"),
        ):
            assert words in str(problem(await client.post(f"{url}/search", json={"query": wrong}), 422))


async def test_options_that_are_refused(running, tmp_path):
    async with running(tmp_path) as client:
        for fields, words in (
            ({}, "fields"),
            ({"raw": {"encoder": "../x"}}, "fields: field 'raw': encoder: found '../x'"),
            ({"raw": {"bm25": {"k1": 1.0}}}, "field 'raw': bm25: parameters of the encoder bm25, found none"),
            ({"a\tb": {}}, "expected 1 to 100 printable characters"),
            ({"raw": {"weight": -1}}, "weight"),
            ({"raw": {"colums": ["text"]}}, "colums"),
        ):
            assert words in str(problem(await client.put("/v1/collections/new", json={"fields": fields}), 422))


NEW = {
    "fields": {
        "splade": {"encoder": "splade-tiny", "weight": 0.5},
        "bm25": {"encoder": "bm25", "columns": ["title", "text"]},
        "raw": {},
    },
    "columns": {"title": "string", "text": "string"},
}
RED = {"id": "red", "payload": {"title": "Mars", "text": "the red planet"}}
BLUE = {"id": "blue", "payload": {"title": "Earth", "text": "the blue planet"}}
RAW = {"id": "raw", "fields": {"raw": {"indices": [7, 4_000_000_000], "values": [2.0, 1.0]}, "bm25": "a planet"}}


async def test_several_fields(running, tmp_path):
    """Create, store by text and by field, search, explain, read, patch."""
    async with running(tmp_path) as client:
        url = "/v1/collections/papers"
        created = await client.put(url, json=NEW)
        assert created.status_code == 201, created.json()
        assert created.json()["fields"]["bm25"] == {
            "encoder": "bm25",
            "columns": ["title", "text"],
            "has_vocabulary": True,
            "weight": 1.0,
            "idf": False,
        }
        changed = await client.put(f"{url}/documents", json={"documents": [RED, BLUE, RAW]})
        assert changed.status_code == 200, changed.json()
        assert changed.json()["created"] == 3

        async def hits(query, **options):
            answer = await client.post(f"{url}/search", json={"query": query, "with_payload": False, **options})
            assert answer.status_code == 200, answer.json()
            return answer.json()["hits"]

        assert [hit["id"] for hit in await hits({"fields": {"bm25": "mars"}})] == ["red"]
        assert (await hits("blue planet"))[0]["id"] == "blue"
        both = {"fields": {"bm25": "red planet", "raw": {"indices": [7], "values": [10.0]}}, "weights": {"raw": 0.5}}
        first, *others = await hits(both, explain=True)
        assert (first["id"], first["fields"]["raw"]) == ("raw", 10.0)
        assert sum(first["fields"].values()) == pytest.approx(first["score"])
        assert {one["field"] for one in first["explanation"]} == {"raw", "bm25"}
        assert [hit["id"] for hit in others] == ["red", "blue"]
        fused = await hits({**both, "fusion": "rrf"})
        assert fused[0]["score"] == pytest.approx(0.5 / 61 + 1 / 62)
        batch = {"searches": [{"query": both}, {"query": "blue planet"}]}
        answers = (await client.post(f"{url}/search/batch", json=batch)).json()["answers"]
        assert [answer["hits"][0]["id"] for answer in answers] == ["raw", "blue"]

        async def stored(id, form="true"):
            return (await client.get(f"{url}/documents/{id}?with_vector={form}")).json()["vector"]["fields"]

        assert (await stored("raw"))["raw"] == RAW["fields"]["raw"]
        assert set((await stored("red", "tokens"))["bm25"]["tokens"]) == {"mars", "the", "red", "planet"}
        before = await stored("red")
        patch = {"documents": [{"id": "red", "fields": {"raw": {"indices": [9], "values": [0.1]}}}]}
        assert (await client.patch(f"{url}/documents", json=patch)).json()["updated"] == 1
        after = await stored("red")
        assert after.pop("raw")["indices"] == [9]
        assert after == before
        patch = {"documents": [{"id": "red", "fields": {"bm25": "a rusty world"}}, {"id": "blue", "text": "an ocean"}]}
        assert (await client.patch(f"{url}/documents", json=patch)).json()["updated"] == 2
        assert [hit["id"] for hit in await hits({"fields": {"bm25": "rusty"}})] == ["red"]
        assert [hit["id"] for hit in await hits({"fields": {"bm25": "ocean"}})] == ["blue"]
        assert [hit["id"] for hit in await hits({"fields": {"bm25": "earth"}})] == ["blue"]  # of its title
        await client.put(
            f"{url}/documents", json={"documents": [{"id": "red", "fields": {"raw": RAW["fields"]["raw"]}}]}
        )
        assert set(await stored("red")) == {"raw"}
        found = (await client.post(f"{url}/documents/get", json={"ids": ["red"], "with_vector": "tokens"})).json()
        assert found["documents"][0]["vector"] == {"fields": {"raw": RAW["fields"]["raw"]}}
        why = await client.post(f"{url}/why", json={"query": both, "ids": ["raw"]})
        assert {one["field"] for one in why.json()["documents"][0]["components"]} == {"raw", "bm25"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"indices": [7], "values": [1.0]}, "found a vector without a name, expected them by field"),
        ({"fields": {"absent": {"indices": [7], "values": [1.0]}}}, "found field 'absent', expected splade, bm25, raw"),
        ({"fields": {"raw": "a text"}}, "field 'raw' has no encoder"),
        ({"fields": {"raw": {"tokens": {"x": 1.0}}}}, "field 'raw': found tokens"),
        ({"fields": {"raw": {"indices": [7, 7], "values": [1.0, 1.0]}}}, "field 'raw'"),
        ({"fields": {"raw": {"indices": [7], "values": [-1.0]}}}, "values"),
        ({"fields": {"raw": {"indices": [7]}}}, "expected either 'indices' and 'values', or 'tokens', or 'text'"),
        ({"fields": {"raw": {}}}, "found none"),
        ({"fields": {"splade": {"indices": [99999], "values": [1.0]}}}, "expected components below 30522"),
        (
            {"fields": {"splade": {"tokens": {"notatoken": 1.0}}}},
            "found 'notatoken', expected tokens of the vocabulary",
        ),
        ({"fields": {"bm25": "x"}, "text": "y"}, "found fields, text"),
        ({"payload": {}}, "found neither vectors by field nor text to encode"),
        ({"payload": {"text": 7}}, "field 'text'"),
    ],
)
async def test_documents_that_are_refused(running, tmp_path, document, words):
    async with running(tmp_path) as client:
        await client.put("/v1/collections/papers", json=NEW)
        for method in ("put", "patch") if "fields" in document else ("put",):
            body = {"documents": [{"id": "a", **document}]}
            response = await getattr(client, method)("/v1/collections/papers/documents", json=body)
            assert words in str(problem(response, 422))
        await client.put("/v1/collections/plain", json={})
        body = {"documents": [{"id": "a", "fields": {"raw": {"indices": [7], "values": [1.0]}}}]}
        refused = await client.put("/v1/collections/plain/documents", json=body)
        assert "this collection has no named fields" in str(problem(refused, 422))
