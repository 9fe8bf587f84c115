"""Every error below the prefix has Qdrant's form; without the setting, there is no such prefix."""

import pytest

from seismic_server.access.keys import create_key

from ...test_problems import problem

pytestmark = pytest.mark.anyio


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"status", "time"}
    return body["status"]["error"]


async def test_the_prefix_is_off_by_default(running, tiny):
    async with running(tiny) as client:
        problem(await client.get("/qdrant"), 404)
        problem(await client.get("/qdrant/collections"), 404)


async def test_clients_ask_for_the_version_with_and_without_a_slash(running, tiny):
    async with running(tiny, compat=["qdrant"]) as client:
        for path in ("/qdrant", "/qdrant/"):
            about = (await client.get(path)).json()
            assert about["version"].startswith("1.")
            assert about["title"].startswith("Seismic")
        assert (await client.get("/qdrant/readyz")).status_code == 200
        assert (await client.get("/v1/collections")).is_success
        problem(await client.get("/other"), 404)


async def test_errors_have_the_form_of_qdrant(running, tiny):
    async with running(tiny, compat=["qdrant"], max_body_bytes=200) as client:
        assert "expected a path of Qdrant's API" in error(await client.get("/qdrant/nothing"), 404)
        error(await client.delete("/qdrant/collections"), 405)
        error(await client.get("/qdrant/collections?unknown=1"), 400)
        error(await client.get("/qdrant/collections?timeout=soon"), 400)


async def test_keys_and_roles_hold(running, tiny, tmp_path):
    keys = tmp_path / "keys.json"
    admin, reader = create_key(keys, "a", "admin"), create_key(keys, "r", "read-only", ["tiny"])
    async with running(tiny, compat=["qdrant"], keys_file=keys) as client:
        assert (await client.get("/qdrant")).is_success
        error(await client.get("/qdrant/collections"), 401)
        error(await client.get("/qdrant/collections", headers={"api-key": "x"}), 401)
        for key in (admin, reader):
            listed = await client.get("/qdrant/collections", headers={"api-key": key})
            assert listed.json()["result"] == {"collections": [{"name": "tiny"}]}
        error(await client.get("/qdrant/collections/other/exists", headers={"api-key": reader}), 403)
        error(await client.put("/qdrant/collections/tiny", headers={"api-key": reader}), 403)


async def test_a_read_only_key_reads_and_a_limited_key_keeps_to_its_collections(running, tiny, tmp_path):
    keys = tmp_path / "keys.json"
    reader, limited = create_key(keys, "r", "read-only"), create_key(keys, "l", "admin", ["tiny", "live"])
    query = {"query": {"indices": [1], "values": [1.0]}, "using": "text"}
    reads = {"points": {"ids": [1]}, "points/query": query, "points/query/batch": {"searches": [query]}}
    reads |= {"points/query/groups": {**query, "group_by": "year"}, "points/scroll": {}, "points/count": {}}
    changes = {"points/delete": {"points": ["a"]}, "points/payload": {"payload": {}, "points": ["a"]}}
    changes |= {"points/payload/clear": {"points": ["a"]}, "points/batch": {"operations": []}}
    async with running(tiny, compat=["qdrant"], keys_file=keys) as client:
        for path, body in {**reads, "facet": {"key": "year"}}.items():
            response = await client.post(f"/qdrant/collections/tiny/{path}", json=body, headers={"api-key": reader})
            assert response.status_code == 200, response.text
        for path, body in changes.items():
            response = await client.post(f"/qdrant/collections/tiny/{path}", json=body, headers={"api-key": reader})
            assert "expected a key with role admin" in error(response, 403)
        set_alias = {"actions": [{"create_alias": {"collection_name": "tiny", "alias_name": "live"}}]}
        refused = await client.post("/qdrant/collections/aliases", json=set_alias, headers={"api-key": reader})
        error(refused, 403)
        mine = {"api-key": limited}
        assert (await client.post("/qdrant/collections/aliases", json=set_alias, headers=mine)).is_success
        other = {"actions": [{"create_alias": {"collection_name": "tiny", "alias_name": "other"}}]}
        assert "does not permit" in error(
            await client.post("/qdrant/collections/aliases", json=other, headers=mine), 403
        )
        listed = (await client.get("/qdrant/aliases", headers=mine)).json()["result"]
        assert listed == {"aliases": [{"alias_name": "live", "collection_name": "tiny"}]}
        assert (await client.get("/qdrant/collections/live", headers=mine)).json()["result"]["points_count"] == 3
        error(await client.put("/qdrant/collections/new", json={"sparse_vectors": {"s": {}}}, headers=mine), 403)


async def test_aliases_are_set_renamed_and_removed(running, tiny):
    async with running(tiny, compat=["qdrant"]) as client:

        async def update(*actions):
            return await client.post("/qdrant/collections/aliases", json={"actions": actions})

        one = {"create_alias": {"collection_name": "tiny", "alias_name": "one"}}
        assert (await update(one, {"rename_alias": {"old_alias_name": "one", "new_alias_name": "two"}})).is_success
        of_tiny = (await client.get("/qdrant/collections/tiny/aliases")).json()["result"]["aliases"]
        assert of_tiny == [{"alias_name": "two", "collection_name": "tiny"}]
        error(await client.delete("/qdrant/collections/two"), 409)
        assert (await update({"delete_alias": {"alias_name": "two"}})).is_success
        assert (await client.get("/qdrant/aliases")).json()["result"] == {"aliases": []}


async def test_rate_limits_and_deadlines_have_the_form_too(running, tiny):
    async with running(tiny, compat=["qdrant"], rate_limit=0.001, rate_burst=1) as client:
        assert (await client.get("/qdrant/collections?timeout=30")).is_success
        limited = await client.get("/qdrant/collections")
        error(limited, 429)
        assert limited.headers["retry-after"]
