"""Collections are opened as they are found: damaged ones are named, other entries ignored, links followed."""

import asyncio
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import Index, SparseVectors, StorageError
from seismic.store.sections import Damage
from seismic_server import Settings, create_app, discovery
from seismic_server.access.keys import create_key
from seismic_server.collections import folders

from .conftest import PATIENCE, until_status
from .test_problems import problem

pytestmark = pytest.mark.anyio

BODY = {"query": {"indices": [1], "values": [1.0]}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)


def build(folder: Path, id: str) -> None:
    documents = pa.table({"id": [id]})
    seismic.build(SparseVectors.from_dicts([{1: 1.0}], 4), folder, documents=documents)


def truncate_manifest(collection: Path) -> None:
    manifest = next(collection.rglob("manifest.json"))
    manifest.write_bytes(manifest.read_bytes()[:100])


def name_nothing(collection: Path) -> None:
    (collection / "CURRENT").write_text("000009\n")


def empty_current(collection: Path) -> None:
    (collection / "CURRENT").write_text("")


def remove_current(collection: Path) -> None:
    (collection / "CURRENT").unlink()


def current_is_a_folder(collection: Path) -> None:
    (collection / "CURRENT").unlink()
    (collection / "CURRENT").mkdir()


def wrong_hash(collection: Path) -> None:
    manifest = next(collection.rglob("manifest.json"))
    manifest.write_text(manifest.read_text().replace('"documents": 1', '"documents": 2'))


def remove_a_file(collection: Path) -> None:
    next(collection.rglob("*.arrow")).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        truncate_manifest,
        name_nothing,
        empty_current,
        remove_current,
        current_is_a_folder,
        wrong_hash,
        remove_a_file,
    ],
)
async def test_a_damaged_collection_does_not_stop_the_others(running, tiny, damage):
    build(tiny / "bad", "x")
    damage(tiny / "bad")
    async with running(tiny) as client:
        assert (await client.post("/v1/collections/tiny/search", json=BODY)).status_code == 200
        ready = (await client.get("/readyz")).json()
        assert (ready["ready"], ready["unavailable"]) == (1, 1)
        bad, good = ready["collections"]
        assert (bad["name"], good["name"], good["generation"]) == ("bad", "tiny", "000001")
        assert "problem" not in good
        assert "cannot be opened (" in bad["problem"]
        assert str(tiny) not in bad["problem"]
        listed = (await client.get("/v1/collections")).json()
        assert [one["name"] for one in listed["collections"]] == ["tiny"]
        assert listed["unavailable"] == [bad]
        for response in (
            await client.get("/v1/collections/bad"),
            await client.post("/v1/collections/bad/search", json=BODY),
            await client.put("/v1/collections/bad/documents", json={"documents": [{"id": "x"}]}),
            await client.post("/v1/collections/bad:reload"),
            await client.post("/v1/collections/bad:verify"),
        ):
            found = problem(response, 503)
            assert (found.type, "cannot be opened" in found.detail) == ("urn:problem-type:seismic:not-ready", True)
        metrics = (await client.get("/metrics")).text
        assert 'seismic_collection_ready{collection="bad"} 0' in metrics
        assert 'seismic_collection_problem{collection="bad"} 1' in metrics
        assert 'seismic_collection_ready{collection="tiny"} 1' in metrics
        shutil.rmtree(tiny / "bad")
        build(tiny / "bad", "repaired")
        await until_status(200, lambda: client.get("/v1/collections/bad"))
        assert (await client.get("/readyz")).json()["unavailable"] == 0


async def test_a_service_of_damaged_collections_only_is_not_ready(running, tiny):
    name_nothing(tiny / "tiny")
    for folder in (tiny, tiny / "tiny"):
        async with running(folder, wait=False) as client:
            found = problem(await client.get("/readyz"), 503)
            assert "0 of 1 collections are ready; collection 'tiny' cannot be opened" in found.detail
            assert (await client.get("/healthz")).status_code == 200
            (tiny / "tiny" / "CURRENT").write_text("000001\n")
            await until_status(200, lambda: client.get("/readyz"))
        name_nothing(tiny / "tiny")


async def test_a_collection_that_cannot_warm_up_does_not_stop_the_others(running, tiny, monkeypatch):
    build(tiny / "bad", "x")
    warm_up = Index.warm_up
    monkeypatch.setattr(Index, "warm_up", lambda index, **options: fail_or(warm_up, index, options))
    async with running(tiny) as client:
        assert (await client.post("/v1/collections/tiny/search", json=BODY)).status_code == 200
        ready = (await client.get("/readyz")).json()
        assert (ready["ready"], ready["unavailable"], ready["collections"][0]["name"]) == (1, 1, "bad")


def fail_or(warm_up, index, options):
    if index.name == "bad":
        raise RuntimeError("no compiler")
    return warm_up(index, **options)


async def test_probes_name_no_collection_where_keys_are_needed(running, tiny, tmp_path):
    name_nothing(tiny / "tiny")
    create_key(tmp_path / "keys.json", "one", "admin")
    async with running(tiny, wait=False, keys_file=tmp_path / "keys.json") as client:
        refused = await client.get("/readyz")
        assert problem(refused, 503).detail == "0 of 1 collections are ready"
        (tiny / "tiny" / "CURRENT").write_text("000001\n")
        ready = (await until_status(200, lambda: client.get("/readyz"))).json()
        assert ready == {"status": "ready", "ready": 1, "unavailable": 0, "collections": []}


async def test_an_empty_folder_is_served(running, tmp_path):
    async with running(tmp_path) as client:
        assert (await client.get("/v1/collections")).json() == {"collections": [], "unavailable": []}
        build(tmp_path / "new", "x")
        await until_status(200, lambda: client.get("/v1/collections/new"))


async def test_other_entries_are_ignored(running, tiny, monkeypatch):
    for name in (".DS_Store", "notes.txt~", "keys.json", ".tiny.swp", "tiny.zip"):
        (tiny / name).write_text("x")
    for name in ("lost+found", "..data", ".snapshot", "empty", "models"):
        (tiny / name).mkdir()
    build(tiny / ".snapshot" / "tiny", "x")
    (tiny / "dangling").symlink_to(tiny / "nowhere")
    (tiny / "loop").symlink_to(tiny / "loop")
    (tiny / "pipe").touch()
    (tiny / "sealed").mkdir()
    list_folder, sealed = os.listdir, {"lost+found", "sealed"}

    def refuse(path):  # as for anybody but root
        if Path(path).name in sealed:
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    monkeypatch.setattr(folders.os, "listdir", refuse)
    assert folders.collection_folders(tiny) == {name: (tiny / name).resolve() for name in ("sealed", "tiny")}
    async with running(tiny) as client:
        listed = (await client.get("/v1/collections")).json()
    assert [one["name"] for one in listed["collections"]] == ["tiny"]
    assert [one["name"] for one in listed["unavailable"]] == ["sealed"]  # it may be one: named, not fatal
    sealed.add(tiny.name)
    with pytest.raises(StorageError, match=f"cannot read {tiny}: Permission denied"):
        create_app(Settings(directory=tiny))


async def test_stray_entries_inside_a_collection_are_ignored(running, tiny):
    """The collection is a volume of its own, shown by a file manager and opened in an editor."""
    async with running(tiny) as client:
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put("/v1/collections/tiny/documents", json=put)).status_code == 200
    inside = [tiny / "tiny", *(path for path in (tiny / "tiny").rglob("*") if path.is_dir())]
    for folder in inside:
        for name in (".DS_Store", "notes~", "._CURRENT", ".manifest.json.swp"):
            (folder / name).write_bytes(b"\0" * 10)
        (folder / "lost+found").mkdir()
    async with running(tiny / "tiny") as client:
        assert (await client.post("/v1/collections/tiny/search", json=BODY)).json()["hits"][0]["id"] == "n"
        assert (await client.put("/v1/collections/tiny/documents", json=put)).status_code == 200
        damages = (await client.post("/v1/collections/tiny:verify")).json()["damages"]
        assert {(one["file"].rpartition("/")[2], one["problem"]) for one in damages} == {
            ("notes~", "is not in the manifest; remove it")
        }
        assert seismic.verify(tiny / "tiny").damages == [Damage(one["file"], None, one["problem"]) for one in damages]
        assert (await client.post("/v1/collections/tiny:warmup")).status_code == 200
    seismic.compact(tiny / "tiny")
    assert len(seismic.open(tiny / "tiny", verify="full")) == 4


async def test_links_have_their_own_names_and_can_be_switched(running, tiny, tmp_path):
    elsewhere = tmp_path / "versions"
    build(elsewhere / "tiny", "one")  # has the name of another collection
    build(elsewhere / "second", "two")
    (tiny / "live").symlink_to(elsewhere / "tiny")
    async with running(tiny, reload_ms=20) as client:

        async def ids(name: str) -> list[str]:
            answer = await client.post(f"/v1/collections/{name}/search", json=BODY)
            return [hit["id"] for hit in answer.json()["hits"]]

        assert (await ids("live"), await ids("tiny")) == (["one"], ["a", "b"])
        assert (await client.get("/v1/collections/live")).json()["name"] == "live"
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put("/v1/collections/live/documents", json=put)).status_code == 200
        assert (await ids("live"), await ids("tiny")) == (["n", "one"], ["a", "b"])

        (tiny / "next").symlink_to(elsewhere / "second")
        os.replace(tiny / "next", tiny / "live")
        async with asyncio.timeout(PATIENCE):
            while await ids("live") != ["two"]:
                await asyncio.sleep(0.02)
        assert (await client.put("/v1/collections/live/documents", json=put)).status_code == 200
        assert await ids("live") == ["n", "two"]
        assert len(seismic.open(elsewhere / "tiny")) == len(seismic.open(elsewhere / "second")) == 2


async def test_a_collection_that_is_removed_and_built_again_is_served(running, tiny):
    """It has a generation of the same number, in other files."""
    async with running(tiny, reload_ms=20) as client:
        shutil.rmtree(tiny / "tiny")
        build(tiny / "tiny", "again")
        async with asyncio.timeout(PATIENCE):
            while (await client.post("/v1/collections/tiny/search", json=BODY)).json()["hits"][0]["id"] != "again":
                await asyncio.sleep(0.02)
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put("/v1/collections/tiny/documents", json=put)).json()["warnings"] == []
        hits = (await client.post("/v1/collections/tiny/search", json=BODY)).json()["hits"]
        assert [hit["id"] for hit in hits] == ["n", "again"]


async def test_looking_leaks_no_descriptors(running, tiny, tmp_path):
    build(tmp_path / "versions" / "other", "x")
    (tiny / "link").symlink_to(tmp_path / "versions" / "other")
    build(tiny / "bad", "x")
    name_nothing(tiny / "bad")
    looks = 0

    async with running(tiny) as client:
        service = client._transport.app.state.service
        run = service.threads.run

        async def counted(*arguments, **options):
            nonlocal looks
            looks += 1
            return await run(*arguments, **options)

        object.__setattr__(service.threads, "run", counted)
        before = None
        async with asyncio.timeout(PATIENCE):
            while looks < 60:
                if looks >= 5 and before is None:
                    before = len(os.listdir("/proc/self/fd"))
                await asyncio.sleep(0.02)
        assert len(os.listdir("/proc/self/fd")) <= before + 2
