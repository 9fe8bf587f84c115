"""Aliases: listed, described, searched and changed like collections, and switched at once."""

import asyncio
from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors
from seismic_server import discovery
from seismic_server.access.keys import create_key

from .conftest import PATIENCE, until_status
from .test_keys import bearer
from .test_problems import problem

pytestmark = pytest.mark.anyio

BODY = {"query": {"indices": [1], "values": [1.0]}}


def build(folder: Path, *ids: str) -> None:
    vectors = SparseVectors.from_dicts([{1: 1.0}] * len(ids), 4)
    seismic.build(vectors, folder, documents=pa.table({"id": list(ids)}))


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder of the collections `blue` and `green`."""
    folder = tmp_path / "served"
    build(folder / "blue", "b1", "b2")
    build(folder / "green", "g1", "g2")
    return folder


async def ids(client, name: str) -> list[str]:
    answer = await client.post(f"/v1/collections/{name}/search", json=BODY)
    assert answer.status_code == 200, answer.text
    return sorted(hit["id"] for hit in answer.json()["hits"])


async def test_an_alias_is_like_its_collection(running, pair):
    async with running(pair) as client:
        set_ = await client.put("/v1/aliases/live", json={"collection": "blue"})
        assert (set_.status_code, set_.json()) == (200, {"alias": "live", "collection": "blue"})
        assert (pair / "live").readlink() == Path("blue")
        assert await ids(client, "live") == ["b1", "b2"]
        put = {"documents": [{"id": "new", "indices": [1], "values": [9.0]}]}
        assert (await client.put("/v1/collections/live/documents", json=put)).status_code == 200
        assert await ids(client, "live") == await ids(client, "blue") == ["b1", "b2", "new"]
        assert (await client.post("/v1/collections/live/count", json={})).json()["count"] == 3
        assert (await client.get("/v1/collections/live/documents/new")).status_code == 200
        assert (await client.post("/v1/collections/live:reload")).json()["name"] == "live"
        described = (await client.get("/v1/collections/live")).json()
        assert (described["name"], described["alias_of"], described["documents"]) == ("live", "blue", 3)
        listed = (await client.get("/v1/collections")).json()["collections"]
        assert [(one["name"], one.get("alias_of")) for one in listed] == [
            ("blue", None),
            ("green", None),
            ("live", "blue"),
        ]
        assert (await client.get("/v1/aliases")).json() == {"aliases": [{"alias": "live", "collection": "blue"}]}
        assert (await client.get("/v1/aliases/live")).json() == {"alias": "live", "collection": "blue"}
        switched = await client.put("/v1/aliases/live", json={"collection": "green"})
        assert switched.json()["collection"] == "green"
        assert await ids(client, "live") == ["g1", "g2"]
        deleted = await client.delete("/v1/aliases/live")
        assert deleted.json() == {"alias": "live", "collection": "green"}
        problem(await client.post("/v1/collections/live/search", json=BODY), 404)
        problem(await client.delete("/v1/aliases/live"), 404)
        problem(await client.get("/v1/aliases/live"), 404)
        assert await ids(client, "green") == ["g1", "g2"]


async def test_what_cannot_be_an_alias(running, pair, tmp_path):
    build(tmp_path / "elsewhere", "e")
    (pair / "outside").symlink_to(tmp_path / "elsewhere")
    async with running(pair) as client:

        async def refused(alias: str, collection: str, status: int) -> str:
            return problem(await client.put(f"/v1/aliases/{alias}", json={"collection": collection}), status).detail

        assert "collection 'blue' exists" in await refused("blue", "green", 409)
        assert "'outside'" in await refused("outside", "green", 409)
        assert "links to a folder outside" in await refused("live", "outside", 409)
        assert "found no collection 'none'" in await refused("live", "none", 404)
        assert "name is '.live'" in await refused(".live", "blue", 422)
        assert await ids(client, "outside") == ["e"]
        await client.put("/v1/aliases/live", json={"collection": "blue"})
        assert "'live' is an alias of 'blue'" in await refused("other", "live", 409)
        for answer in (
            await client.delete("/v1/collections/live"),
            await client.post("/v1/collections/live:rename", json={"to": "x"}),
            await client.put("/v1/collections/live", json={}),
            await client.post("/v1/collections/live:restore", content=b"x"),
            await client.post("/v1/collections/live:restore?replace=true", content=b"x"),
            await client.delete("/v1/collections/outside"),
        ):
            assert answer.status_code == 409, answer.text
        assert await ids(client, "live") == ["b1", "b2"]
        assert sorted(path.name for path in pair.iterdir()) == ["blue", "green", "live", "outside"]


async def test_a_switch_under_load_loses_no_request(running, pair):
    """Every answer is of one of the two collections; the last switch decides."""
    async with running(pair) as client:
        await client.put("/v1/aliases/live", json={"collection": "blue"})
        seen: set[str] = set()
        finished = False

        async def search() -> None:
            while not finished:
                found = await ids(client, "live")
                assert found in (["b1", "b2"], ["g1", "g2"])
                seen.add(found[0])

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(search())
            for number in range(40):
                target = ("green", "blue")[number % 2]
                assert (await client.put("/v1/aliases/live", json={"collection": target})).status_code == 200
                assert (await ids(client, "live"))[0] == target[0] + "1"
            finished = True
        assert seen == {"b1", "g1"}


async def test_new_versions_are_switched_to_without_a_gap(running, pair, monkeypatch):
    """A version is built by another process, the alias switched at once, and the old version dropped."""
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)
    async with running(pair) as one, running(pair) as other:
        await one.put("/v1/aliases/live", json={"collection": "blue"})
        await until_status(200, lambda: other.get("/v1/collections/live"))
        finished = False

        async def search(client) -> None:
            while not finished:
                assert (await ids(client, "live"))[0] in ("b1", "r1")

        async with asyncio.TaskGroup() as group:
            for client in (one, other):
                group.create_task(search(client))
            build(pair / "red", "r1")
            assert (await one.put("/v1/aliases/live", json={"collection": "red"})).status_code == 200
            assert await ids(one, "live") == ["r1"]
            assert (await one.delete("/v1/collections/blue")).status_code == 200
            async with asyncio.timeout(PATIENCE):
                while await ids(other, "live") != ["r1"]:
                    await asyncio.sleep(0.02)
            finished = True
        await until_status(404, lambda: other.get("/v1/collections/blue"))


async def test_other_services_follow(running, pair, monkeypatch):
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)
    async with running(pair) as one, running(pair) as other:
        await one.put("/v1/aliases/live", json={"collection": "blue"})
        await until_status(200, lambda: other.get("/v1/collections/live"))
        assert (await other.get("/v1/collections/live")).json()["alias_of"] == "blue"
        await one.put("/v1/aliases/live", json={"collection": "green"})
        async with asyncio.timeout(PATIENCE):
            while (await other.get("/v1/aliases/live")).json()["collection"] != "green":
                await asyncio.sleep(0.02)
        assert await ids(other, "live") == ["g1", "g2"]
        seismic.alias(pair, "live", "blue")  # as the command line does
        async with asyncio.timeout(PATIENCE):
            while await ids(one, "live") != ["b1", "b2"]:
                await asyncio.sleep(0.02)
        await one.post("/v1/collections/blue:rename", json={"to": "red"})
        assert await ids(one, "live") == ["b1", "b2"]
        await until_status(404, lambda: other.get("/v1/collections/blue"))
        async with asyncio.timeout(PATIENCE):
            while (await other.get("/v1/aliases/live")).json().get("collection") != "red":
                await asyncio.sleep(0.02)
        await until_status(200, lambda: other.get("/v1/collections/live"))
        await one.delete("/v1/collections/red")
        for name in ("red", "live"):
            problem(await one.get(f"/v1/collections/{name}"), 404)
            await until_status(404, lambda name=name: other.get(f"/v1/collections/{name}"))


async def test_keys_reach_no_collection_by_an_alias_of_their_own(running, pair, tmp_path):
    keys = tmp_path / "keys.json"
    blue = bearer(create_key(keys, "blue", "admin", ["blue", "mine"]))
    live = bearer(create_key(keys, "live", "read-only", ["live"]))
    every = bearer(create_key(keys, "every", "admin"))
    reader = bearer(create_key(keys, "reader", "read-only"))
    async with running(pair, keys_file=keys) as client:

        async def put(alias: str, collection: str, key: dict[str, str]) -> int:
            answer = await client.put(f"/v1/aliases/{alias}", json={"collection": collection}, headers=key)
            return answer.status_code

        assert await put("mine", "green", blue) == 403
        assert await put("other", "blue", blue) == 403
        assert await put("mine", "blue", reader) == 403
        assert await put("mine", "blue", {}) == 401
        assert await put("mine", "blue", blue) == 200
        assert await put("live", "green", every) == 200
        listed = (await client.get("/v1/aliases", headers=blue)).json()
        assert listed == {"aliases": [{"alias": "mine", "collection": "blue"}]}
        for headers, status in ((blue, 403), (live, 200), (every, 200), (reader, 200)):
            found = await client.post("/v1/collections/live/search", json=BODY, headers=headers)
            assert found.status_code == status
        assert (await client.post("/v1/collections/green/search", json=BODY, headers=live)).status_code == 403
        assert (await client.delete("/v1/aliases/live", headers=blue)).status_code == 403
        assert (await client.delete("/v1/aliases/live", headers=live)).status_code == 403
        rename = await client.post("/v1/collections/blue:rename", json={"to": "free"}, headers=blue)
        assert rename.status_code == 403
        assert (await client.delete("/v1/aliases/mine", headers=blue)).status_code == 200
