"""Columns, types, tokens and components that come with documents over REST."""

import asyncio

import pytest

import seismic

from .test_documents import URL, found, put
from .test_problems import problem

pytestmark = pytest.mark.anyio


def document(id, vector=None, **payload):
    return {"id": id, "indices": [1], "values": [1.0], "payload": payload} | (vector or {})


async def payload_of(client, id):
    return (await client.get(f"{URL}/documents/{id}")).json()["payload"]


async def types_of(client):
    return (await client.get(URL)).json()["types"]


async def test_new_columns_and_wider_types(running, tiny):
    async with running(tiny) as client:
        first = document("d", colour="red", size=3, tags=[], meta={"a": 1, "b": None}, empty=None)
        assert (await put(client, first)).status_code == 200
        more = [document("e", size=2.5, tags=["x"], meta={"b": "y"}, empty=[1, 2.5]), document("f", year=1.5, size=1)]
        assert (await put(client, *more)).status_code == 200
        types = await types_of(client)
        assert (types["size"], types["year"], types["tags"]) == ("double", "double", "list<item: string>")
        assert (await payload_of(client, "d"))["meta"] == {"a": 1, "b": None}
        assert (await payload_of(client, "e"))["empty"] == [1.0, 2.5]
        assert (await payload_of(client, "a"))["year"] == 2001.0
        wanted = {
            "filter": {"must": [{"key": "size", "range": {"gte": 2.5}}]},
            "query": {"indices": [1], "values": [1]},
        }
        assert sorted(id for id, _ in await found(client, wanted)) == ["d", "e"]


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        (
            [{"title": 3}],
            "row 0, field 'title': found 3, expected string; send values of one type, or",
        ),
        (
            [{"new": 1}, {"new": "x"}],
            "row 1, field 'new': found 'x', expected int64, as in the rows before; s",
        ),
        ([{"new": [1, "x"]}], "row 0, field 'new': found [1, 'x'], expected integers of 64 bits and up to 16 levels"),
        ([{"id": "x"}], "row 0, field 'id': unknown payload column, expected one of title, year"),
        (
            [{f"column {number}": 1 for number in range(1001)}],
            "columns and fields with those added, expected at m",
        ),
    ],
)
async def test_conflicts_change_nothing(running, tiny, payloads, message):
    async with running(tiny) as client:
        documents = [document(f"x{row}", **payload) for row, payload in enumerate(payloads) if "id" not in payload]
        documents += [document("x") | {"payload": payload} for payload in payloads if "id" in payload]
        assert message in problem(await put(client, *documents), 422).detail
        assert list(await types_of(client)) == ["id", "title", "year"]
    assert not (tiny / "tiny" / "log").exists()


async def test_deep_values_are_refused(running, tiny):
    deep = 1
    for _ in range(30):
        deep = [deep]
    async with running(tiny) as client:
        assert "up to 16 levels" in problem(await put(client, document("d", new=deep)), 422).detail


async def test_strict_collections(running, strict_tiny):
    async with running(strict_tiny) as client:
        for wrong, message in (
            (document("d", colour="red"), "unknown payload column"),
            (document("d", year=1.5), "found 1.5, expected int64"),
            (document("d", {"indices": [4]}), "found component 4"),
        ):
            assert message in problem(await put(client, wrong), 422).detail


async def test_tokens_and_components_grow(running, tmp_path):
    seismic.create(tmp_path / "tiny", vocabulary=["x"])
    seismic.create(tmp_path / "numbers")
    async with running(tmp_path) as client:
        assert (await put(client, {"id": "a", "tokens": {"x": 1.0, "new": 2.0}})).status_code == 200
        assert await found(client, {"query": {"tokens": {"new": 1.0}}}) == [("a", 2.0)]
        answer = await client.put(
            "/v1/collections/numbers/documents", json={"documents": [{"id": "a", "indices": [70_000], "values": [1.0]}]}
        )
        assert answer.status_code == 200
        assert (await client.get("/v1/collections/numbers")).json()["dimension"] == 70_001
        patch = {"documents": [{"id": "a", "indices": [80_000], "values": [1.0]}]}
        assert (await client.patch("/v1/collections/numbers/documents", json=patch)).status_code == 200
        assert (await client.get("/v1/collections/numbers")).json()["dimension"] == 80_001


async def test_requests_that_are_written_together_see_what_the_others_add(running, tiny):
    async with running(tiny) as client:
        good = [document(f"e{number}", {"indices": [number]}, colour="red", size=number) for number in range(4, 24)]
        bad = [document("bad", colour=3), document("worse", title=1), document("worst", {"values": [-1.0]})]
        late = [document("f", size=0.5), document("g", other=[])]
        assert (await put(client, document("e", colour="red"))).status_code == 200
        answers = await asyncio.gather(*(put(client, one) for one in [*good[:10], *bad, *late, *good[10:]]))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(422)) == (22, 3)
        assert statuses[10:13] == [422] * 3
        info = (await client.get(URL)).json()
        assert (info["documents"], info["dimension"]) == (26, 24)
        assert (info["types"]["size"], info["types"]["colour"]) == ("double", "string")
    with seismic.open(tiny / "tiny") as index:
        assert index.count({"must": [{"key": "colour", "match": {"value": "red"}}]}) == 21
