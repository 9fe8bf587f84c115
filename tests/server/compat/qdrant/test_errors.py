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
        error(await client.get("/qdrant/nothing"), 404)
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
