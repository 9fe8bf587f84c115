"""Answers leave out null and what was not requested; lists are always present."""

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny"
QUERY = {"query": {"indices": [1], "values": [1.0]}}
ALWAYS = {"hits", "plan", "exact", "generation", "sequence", "shards", "warnings", "unknown_tokens", "took_ms"}


def nulls(value: Any, path: str = "") -> list[str]:
    """Return the paths of null fields, except values of documents."""
    if isinstance(value, dict):
        return [one for name, part in value.items() if name != "payload" for one in nulls(part, f"{path}.{name}")]
    if isinstance(value, list):
        return [one for part in value for one in nulls(part, f"{path}[]")]
    return [path] if value is None else []


async def test_a_plain_search_has_the_mandatory_fields_only(running, tiny):
    async with running(tiny) as client:
        answer = (await client.post(f"{URL}/search", json=QUERY | {"with_payload": False})).json()
        assert answer.keys() == ALWAYS
        assert [hit.keys() for hit in answer["hits"]] == [{"id", "score"}] * 2
        assert (answer["warnings"], answer["unknown_tokens"]) == ([], [])
        batch = (await client.post(f"{URL}/search/batch", json={"searches": [QUERY]})).json()
        assert batch["answers"][0].keys() == ALWAYS
        assert batch["answers"][0]["hits"][0].keys() == {"id", "score", "payload"}


async def test_requested_fields_are_present_even_if_empty(running, tiny):
    asked = QUERY | {
        "filter": {"must": [{"key": "year", "range": {"gt": 3000}}]},
        "facets": [{"key": "title"}],
        "group_by": {"key": "year"},
        "explain": True,
        "with_vector": True,
    }
    async with running(tiny) as client:
        answer = (await client.post(f"{URL}/search", json=asked)).json()
    assert answer.keys() == ALWAYS | {"matched", "facets", "groups", "explanation"}
    assert answer["matched"] == {"value": 0, "relation": "eq"}
    assert (answer["facets"], answer["groups"]) == ({"title": []}, [])
    assert nulls(answer) == []


async def test_requested_fields_of_hits(running, tiny):
    async with running(tiny) as client:
        answer = (await client.post(f"{URL}/search", json=QUERY | {"explain": True, "with_vector": True})).json()
    hit = answer["hits"][0]
    assert hit["payload"] == {"title": "A", "year": 2001}
    assert hit["vector"] == {"indices": [0, 1], "values": [1.0, 2.0]}
    assert hit["explanation"] == [{"component": 1, "weight": 1.0, "value": 2.0, "product": 2.0}]  # without a token
    assert nulls(answer) == []


async def test_other_answers(running, tiny):
    async with running(tiny) as client:
        for path in (URL, "/v1/collections", f"{URL}/documents/a", "/readyz"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert nulls(answer.json()) == []


async def test_the_description_knows_no_null_in_answers(running, tiny):
    async with running(tiny) as client:
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("SearchAnswer", "SearchHit", "DocumentAnswer", "CollectionInfo", "Served", "Explanation", "Term"):
        for field in schemas[name]["properties"].values():
            assert {"type": "null"} not in field.get("anyOf", [])
            assert "default" not in field
    assert set(schemas["SearchAnswer"]["required"]) == ALWAYS
    assert set(schemas["SearchHit"]["required"]) == {"id", "score"}
    assert not {"problem", "kept", "encoder"} & set(schemas["CollectionInfo"]["required"])
    assert {"type": "null"} in schemas["DocumentIn"]["properties"]["indices"]["anyOf"]  # a request may say null
