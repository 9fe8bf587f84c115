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
