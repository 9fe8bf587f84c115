"""Collections are created, dropped and renamed over REST, starting from an empty folder."""

import asyncio

import pyarrow as pa
import pytest
import structlog

import seismic
from seismic import SparseVectors
from seismic.store.lock import writing
from seismic_server import discovery
from seismic_server.access.keys import create_key

from .conftest import until_status
from .test_jobs import over
from .test_keys import bearer
from .test_problems import problem

pytestmark = pytest.mark.anyio

QUERY = {"query": {"tokens": {"planet": 1.0}}, "with_payload": True}
NEW = {"vocabulary": ["planet", "orbit"], "columns": {"title": "string", "year": "int64"}}


async def test_an_hour_with_a_collection(running, tmp_path):
    """Everything from an empty folder: create, change, alias, compact, save, drop, restore, rename."""
    async with running(tmp_path) as client:
        assert (await client.get("/readyz")).json()["ready"] == 0
        created = await client.put("/v1/collections/papers", json=NEW)
        assert created.status_code == 201
        assert (created.json()["state"], created.json()["documents"]) == ("ready", 0)
        assert created.json()["types"] == {"id": "string", "title": "string", "year": "int64"}
        url = "/v1/collections/papers"
        assert (await client.post(f"{url}/search", json=QUERY)).json()["hits"] == []
        mars = {"id": "mars", "tokens": {"planet": 2.0}, "payload": {"title": "Mars", "year": 2026}}
        assert (await client.put(f"{url}/documents", json={"documents": [mars]})).status_code == 200
        hits = (await client.post(f"{url}/search", json=QUERY)).json()["hits"]
        assert hits == [{"id": "mars", "score": 2.0, "payload": mars["payload"]}]
        await client.put("/v1/aliases/live", json={"collection": "papers"})
        assert (await over(client, await client.post("/v1/collections/live:compact")))["state"] == "done"
        saved = await over(client, await client.post("/v1/collections/live:snapshot", json={"compress": True}))
        assert saved["state"] == "done", saved
        dropped = await client.delete(url)
        assert dropped.json() == {"name": "papers", "aliases": ["live"]}
        for gone in (url, "/v1/collections/live"):
            problem(await client.get(gone), 404)
            problem(await client.post(f"{gone}/search", json=QUERY), 404)
            problem(await client.put(f"{gone}/documents", json={"documents": [mars]}), 404)
            problem(await client.post(f"{gone}:compact"), 404)
        problem(await client.delete(url), 404)
        file = saved["result"]["file"]
        assert [one["file"] for one in (await client.get(f"{url}/snapshots")).json()["snapshots"]] == [file]
        restored = await over(client, await client.post(f"/v1/collections/again:restore?snapshot={file}&of=papers"))
        assert restored["state"] == "done", restored
        hits = (await client.post("/v1/collections/again/search", json=QUERY)).json()["hits"]
        assert [hit["id"] for hit in hits] == ["mars"]
        renamed = await client.post("/v1/collections/again:rename", json={"to": "papers"})
        assert (renamed.status_code, renamed.json()["name"]) == (200, "papers")
        problem(await client.get("/v1/collections/again"), 404)
        hits = (await client.post(f"{url}/search", json=QUERY)).json()["hits"]
        assert [hit["id"] for hit in hits] == ["mars"]
        venus = {"id": "venus", "tokens": {"planet": 1.0}}
        assert (await client.put(f"{url}/documents", json={"documents": [venus]})).json()["warnings"] == []
        assert len((await client.post(f"{url}/search", json=QUERY)).json()["hits"]) == 2
        assert [one["name"] for one in (await client.get("/v1/collections")).json()["collections"]] == ["papers"]
    assert len(seismic.open(tmp_path / "papers")) == 2


WRONG = [
    ({"dimension": 5, "vocabulary": ["a"]}, "expected one of them"),
    ({"vocabulary": ["a", "a"]}, "'a'"),
    ({"dimension": -1}, "greater than or equal to 0"),
    ({"columns": {"x": "text"}}, "column 'x': found type 'text'"),
    ({"columns": {"id": "string"}}, "found 'id'"),
    ({"ids": "double"}, "ids: found double"),
    ({"layout": "wide"}, "'shared'"),
    ({"encoder": "../../etc"}, "expected the name of a packaged encoder"),
    ({"encoder": "/etc"}, "expected the name of a packaged encoder"),
    ({"encoder": "none"}, "expected the name of a packaged encoder"),
    ({"colour": 1}, "unknown field"),
    ({"bm25": {"k1": 1.0}}, "bm25: parameters of the encoder bm25, found the encoder none"),
    ({"encoder": "splade-tiny", "bm25": {}}, "found the encoder splade-tiny"),
    ({"encoder": "bm25", "bm25": {"k1": -1.0}}, "#/bm25/k1"),
    ({"encoder": "bm25", "bm25": {"stemmer": "klingon"}}, "stemmer is 'klingon', expected one of"),
    ({"encoder": "bm25", "strict": True}, "strict: encoder 'bm25' has no words yet"),
    ({"strict": True}, "strict"),
]


async def test_wrong_collections_are_refused_and_leave_nothing(running, tmp_path):
    async with running(tmp_path) as client:
        for body, found in WRONG:
            refused = problem(await client.put("/v1/collections/a", json=body), 422)
            assert found in refused.detail
            assert str(tmp_path) not in refused.detail
        assert list(tmp_path.iterdir()) == []
        assert (await client.put("/v1/collections/a", json={})).status_code == 201


async def test_texts_by_bm25(running, tmp_path):
    async with running(tmp_path) as client:
        url, texts = "/v1/collections/news", ["Planets are hot", "The sun is a star"]
        body = {"encoder": "bm25", "bm25": {"stemmer": "english", "average_length": 4}}
        assert (await client.put(url, json=body)).json()["encoder"] == "bm25"
        documents = [{"id": str(row), "text": text} for row, text in enumerate(texts)]
        assert (await client.put(f"{url}/documents", json={"documents": documents})).json()["warnings"] == []
        found = (await client.post(f"{url}/search", json={"query": "a hot planet"})).json()["hits"]
    fitted = seismic.fit_bm25(texts, seismic.Bm25(stemmer="english", average_length=4.0))
    seismic.build(fitted.vectors, tmp_path / "built", encoder=fitted.encoder)
    with seismic.open(tmp_path / "built") as index:
        expected = [(str(hit.id), hit.score) for hit in index.search("a hot planet")]
    assert [(hit["id"], hit["score"]) for hit in found] == expected


async def test_wrong_names_are_refused(running, tmp_path):
    expected = "expected 1 to 200 bytes of text without '/' and ':'"
    async with running(tmp_path) as client:
        for name in (".", "..", ".hidden", "a%3Ab", " a", "CURRENT", "generations", "lost%2Bfound", "x" * 201):
            name = name.replace(".", "%2E")
            for answer in (
                await client.put(f"/v1/collections/{name}", json={}),
                await client.put(f"/v1/aliases/{name}", json={"collection": "a"}),
                await client.post(f"/v1/collections/{name}:restore", content=b"x"),
            ):
                assert answer.status_code == 422
                assert expected in answer.json()["detail"]
        assert list(tmp_path.iterdir()) == []


async def test_collections_get_no_wrong_names(running, tiny):
    async with running(tiny) as client:
        for to in ("", ".", "..", "../b", "a/b", "a\0b", "a\nb", "é" * 101):
            refused = problem(await client.post("/v1/collections/tiny:rename", json={"to": to}), 422)
            assert "expected 1 to 200 bytes" in refused.detail
        assert (await client.get("/v1/collections/tiny")).status_code == 200
        assert [path.name for path in tiny.iterdir()] == ["tiny"]


async def test_columns_are_added_and_widened(running, tiny):
    async with running(tiny) as client:
        await client.put("/v1/aliases/live", json={"collection": "tiny"})
        added = await client.patch("/v1/collections/live", json={"columns": {"tags": "list<string>", "year": "double"}})
        assert (added.status_code, added.json()["name"], added.json()["alias_of"]) == (200, "live", "tiny")
        types = {"id": "string", "title": "string", "year": "double", "tags": "list<item: string>"}
        assert added.json()["types"] == types
        assert (await client.get("/v1/collections/tiny/documents/a")).json()["payload"]["year"] == 2001
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0], "payload": {"tags": ["x"], "year": 2.5}}]}
        assert (await client.put("/v1/collections/tiny/documents", json=put)).status_code == 200
        for columns, found in (
            ({"title": "int64"}, "title"),
            ({"more": "text"}, "column 'more': found type 'text'"),
            ({"ok": "string", "id": "string"}, "found 'id'"),
            ({}, "columns"),
        ):
            refused = problem(await client.patch("/v1/collections/tiny", json={"columns": columns}), 422)
            assert found in refused.detail
        problem(await client.patch("/v1/collections/none", json={"columns": {"a": "string"}}), 404)
        assert (await client.get("/v1/collections/tiny")).json()["types"] == types


async def test_names_in_use_are_refused(running, tiny):
    (tiny / "notes").mkdir()
    async with running(tiny) as client:
        for name in ("tiny", "notes"):
            problem(await client.put(f"/v1/collections/{name}", json={}), 409)
            problem(await client.post("/v1/collections/tiny:rename", json={"to": name}), 409)
        problem(await client.post("/v1/collections/none:rename", json={"to": "x"}), 404)
        assert (await client.get("/v1/collections/tiny")).json()["documents"] == 3


async def test_a_service_of_one_collection_makes_no_others(running, tiny):
    async with running(tiny / "tiny") as client:
        for answer in (
            await client.put("/v1/collections/a", json={}),
            await client.delete("/v1/collections/tiny"),
            await client.post("/v1/collections/tiny:rename", json={"to": "a"}),
            await client.put("/v1/aliases/a", json={"collection": "tiny"}),
        ):
            assert "the service serves one collection" in problem(answer, 409).detail
        saved = await over(client, await client.post("/v1/collections/tiny:snapshot"))
        file = saved["result"]["file"]
        restored = await client.post(f"/v1/collections/tiny:restore?snapshot={file}&replace=true")
        assert (await over(client, restored))["result"] == {"generation": "000002"}
    assert len(seismic.open(tiny / "tiny")) == 3


async def test_a_drop_that_fails_changes_nothing(running, tiny):
    async with running(tiny, reload_ms=20) as client:
        url = "/v1/collections/tiny"
        with writing(tiny / "tiny", "test"):
            for answer in (await client.delete(url), await client.post(f"{url}:rename", json={"to": "b"})):
                assert problem(answer, 503).type == "urn:problem-type:seismic:locked"
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put(f"{url}/documents", json=put)).status_code == 200
        assert (await client.get(url)).json()["documents"] == 4
        seismic.delete(tiny / "tiny", ["a"])  # as another process does: it is still followed
        async with asyncio.timeout(60):
            while (await client.get(url)).json()["documents"] != 3:
                await asyncio.sleep(0.02)
        assert (await client.delete(url)).status_code == 200


async def test_searches_that_run_survive_a_drop(running, tiny):
    async with running(tiny) as client:
        service = client._transport.app.state.service
        index = service.collections.ready("tiny").frozen()
        assert (await client.delete("/v1/collections/tiny")).status_code == 200
        hits = index.search({"indices": [1], "values": [1.0]}, k=2)
        assert [hit.id for hit in hits] == ["a", "b"]
        assert index.payloads([hits[0].number])[0]["title"] == "A"


async def test_a_name_can_be_used_again(running, tmp_path):
    """Changes go to the new collection, whatever the old one was."""
    async with running(tmp_path) as client:
        for number in range(3):
            column = f"column{number}"
            created = await client.put("/v1/collections/a", json={"dimension": 9, "columns": {column: "string"}})
            assert created.status_code == 201
            document = {"id": f"d{number}", "indices": [1], "values": [1.0], "payload": {column: "x"}}
            put = await client.put("/v1/collections/a/documents", json={"documents": [document]})
            assert (put.status_code, put.json()["sequence"]) == (200, 1)
            found = (await client.get(f"/v1/collections/a/documents/d{number}")).json()
            assert found["payload"] == {column: "x"}
            assert (await client.get("/v1/collections/a")).json()["documents"] == 1
            assert (await client.delete("/v1/collections/a")).status_code == 200


async def test_damaged_collections_can_be_dropped(running, tiny):
    documents = pa.table({"id": ["x"]})
    seismic.build(SparseVectors.from_dicts([{1: 1.0}], 4), tiny / "bad", documents=documents)
    next((tiny / "bad").rglob("manifest.json")).write_text("{")
    async with running(tiny) as client:
        problem(await client.get("/v1/collections/bad"), 503)
        assert (await client.delete("/v1/collections/bad")).status_code == 200
        problem(await client.get("/v1/collections/bad"), 404)
        assert (await client.put("/v1/collections/bad", json={})).status_code == 201


async def test_other_services_follow(running, tiny, monkeypatch):
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)
    async with running(tiny) as one, running(tiny) as other:
        await one.put("/v1/collections/a", json=NEW)
        await until_status(200, lambda: other.get("/v1/collections/a"))
        assert (await other.post("/v1/collections/a/search", json=QUERY)).status_code == 200
        assert (await other.delete("/v1/collections/tiny")).status_code == 200
        await until_status(404, lambda: one.get("/v1/collections/tiny"))
        await one.post("/v1/collections/a:rename", json={"to": "b"})
        await until_status(200, lambda: other.get("/v1/collections/b"))
        await until_status(404, lambda: other.get("/v1/collections/a"))
        document = {"documents": [{"id": "x", "tokens": {"planet": 1.0}}]}
        assert (await other.put("/v1/collections/b/documents", json=document)).status_code == 200
        assert (await one.post("/v1/collections/b:reload")).json()["documents"] == 1


ADMIN_ONLY = [
    ("PUT", "/v1/collections/new"),
    ("PATCH", "/v1/collections/tiny"),
    ("DELETE", "/v1/collections/tiny"),
    ("POST", "/v1/collections/tiny:rename"),
    ("POST", "/v1/collections/tiny:compact"),
    ("POST", "/v1/collections/tiny:rollback"),
    ("POST", "/v1/collections/tiny:snapshot"),
    ("POST", "/v1/collections/tiny:restore"),
    ("GET", "/v1/collections/tiny/generations"),
    ("GET", "/v1/collections/tiny/snapshots"),
    ("GET", "/v1/collections/tiny/snapshots/20261129T153000-3f2a9c.snapshot"),
    ("DELETE", "/v1/collections/tiny/snapshots/20261129T153000-3f2a9c.snapshot"),
    ("PUT", "/v1/aliases/live"),
    ("DELETE", "/v1/aliases/live"),
    ("GET", "/v1/jobs"),
    ("GET", "/v1/jobs/x"),
    ("POST", "/v1/jobs/x:cancel"),
]


async def test_only_admin_keys_manage_collections(running, tiny, tmp_path):
    keys = tmp_path / "keys.json"
    reader = bearer(create_key(keys, "reader", "read-only"))
    other = bearer(create_key(keys, "other", "admin", ["other"]))
    async with running(tiny, keys_file=keys) as client:
        for method, path in ADMIN_ONLY:
            refused = problem(await client.request(method, path, headers=reader), 403)
            assert refused.detail == "key 'reader' is read-only, expected a key with role admin"
            problem(await client.request(method, path), 401)
            if "jobs" not in path:
                refused = problem(await client.request(method, path, headers=other), 403)
                assert refused.detail.startswith("key 'other' does not permit collection '")
        assert sorted(path.name for path in tiny.iterdir()) == ["keys.json", "tiny"]


async def test_keys_see_their_own_jobs(running, tiny, tmp_path):
    keys = tmp_path / "keys.json"
    every = bearer(create_key(keys, "every", "admin"))
    other = bearer(create_key(keys, "other", "admin", ["other"]))
    mine = bearer(create_key(keys, "mine", "admin", ["tiny"]))
    async with running(tiny, keys_file=keys) as client:
        job = (await client.post("/v1/collections/tiny:compact", headers=mine)).json()
        for headers, status in ((every, 200), (mine, 200), (other, 404)):
            assert (await client.get(f"/v1/jobs/{job['id']}", headers=headers)).status_code == status
        assert (await client.get("/v1/jobs", headers=other)).json() == {"jobs": []}
        assert (await client.post(f"/v1/jobs/{job['id']}:cancel", headers=other)).status_code == 404
        assert (await client.post(f"/v1/jobs/{job['id']}:cancel", headers=mine)).status_code == 200
        saved = "/v1/collections/other:restore?snapshot=20261129T153000-3f2a9c.snapshot&of=tiny"
        assert (await client.post(saved, headers=other)).status_code == 403


async def test_every_administrative_action_is_logged(running, tmp_path):
    """The log names the action, the key and the collection."""
    (tmp_path / "served").mkdir()
    key = bearer(create_key(tmp_path / "keys.json", "boss", "admin"))
    with structlog.testing.capture_logs() as lines:
        async with running(tmp_path / "served", keys_file=tmp_path / "keys.json") as client:
            await client.put("/v1/collections/a", json={}, headers=key)
            await client.put("/v1/aliases/live", json={"collection": "a"}, headers=key)
            await client.delete("/v1/collections/a", headers=key)
            await client.delete("/v1/collections/a", headers=key)  # refused
    trail = [line for line in lines if line["event"] == "administration"]
    assert [(line["action"], line["key"]) for line in trail] == [
        ("create", "boss"),
        ("alias", "boss"),
        ("drop", "boss"),
    ]
    assert trail[2]["aliases"] == ["live"]
