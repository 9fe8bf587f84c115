"""Snapshots over REST: made, listed, downloaded in ranges, deleted, and restored from uploads, also hostile ones."""

import io
import random
import tarfile
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pytest

import seismic
from seismic import SparseVectors
from seismic.store import archive

from .test_jobs import over
from .test_problems import problem

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/snapshots"
BODY = {"query": {"indices": [1], "values": [1.0]}}


@pytest.fixture
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A snapshot of a collection with changes."""
    tmp_path = tmp_path_factory.mktemp("saved")
    vectors = SparseVectors.from_dicts([{1: 1.0}, {1: 2.0}], 4)
    seismic.build(vectors, tmp_path / "source", documents=pa.table({"id": ["s1", "s2"]}))
    seismic.upsert(tmp_path / "source", SparseVectors.from_dicts([{1: 3.0}], 4), pa.table({"id": ["s3"]}))
    seismic.create_snapshot(tmp_path / "source", tmp_path / "source.snapshot")
    return (tmp_path / "source.snapshot").read_bytes()


async def ids(client: httpx2.AsyncClient, name: str) -> list[str]:
    answer = await client.post(f"/v1/collections/{name}/search", json=BODY)
    return [hit["id"] for hit in answer.json()["hits"]]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_snapshots_are_listed_downloaded_and_deleted(running, tiny):
    async with running(tiny) as client:
        problem(await client.get("/v1/collections/none/snapshots"), 404)
        assert (await client.get(URL)).json() == {"snapshots": []}
        job = await client.post("/v1/collections/tiny:snapshot")
        assert job.status_code == 202
        done = await over(client, job)
        (listed,) = (await client.get(URL)).json()["snapshots"]
        assert done["result"] == {"file": listed["file"], "bytes": listed["bytes"]}
        url = f"{URL}/{listed['file']}"
        whole = await client.get(url)
        assert (whole.status_code, len(whole.content)) == (200, listed["bytes"])
        assert whole.headers["content-type"] == "application/octet-stream"
        assert listed["file"] in whole.headers["content-disposition"]
        part = await client.get(url, headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, whole.content[100:200])
        problem(await client.get(url, headers={"range": "bytes=999999999-"}), 416)
        problem(await client.get(url, headers={"range": "bytes=b-a"}), 400)
        (tiny / "copy.snapshot").write_bytes(whole.content)
        seismic.restore_snapshot(tiny / "copy.snapshot", tiny / "copy")
        assert len(seismic.open(tiny / "copy")) == 3
        for wrong in ("none", "..%2F..%2Ftiny%2FCURRENT", "%2E%2E", listed["file"] + "x"):
            assert (await client.get(f"{URL}/{wrong}")).status_code == 404
            assert (await client.delete(f"{URL}/{wrong}")).status_code in (404, 405)
        assert (await client.delete(url)).json()["file"] == listed["file"]
        problem(await client.delete(url), 404)
        problem(await client.get(url), 404)
        assert (await client.get(URL)).json() == {"snapshots": []}


async def test_uploads_are_restored(running, tiny, saved):
    async with running(tiny) as client:
        job = await client.post("/v1/collections/new:restore", content=saved)
        assert job.status_code == 202
        assert (await over(client, job))["result"] == {"generation": "000001"}
        assert await ids(client, "new") == ["s3", "s2", "s1"]
        assert (await client.get("/v1/collections/new")).json()["state"] == "ready"
        refused = problem(await client.post("/v1/collections/tiny:restore", content=saved), 409)
        assert refused.detail == "collection 'tiny' exists; choose another name, or drop it first"
        job = await client.post("/v1/collections/tiny:restore?replace=true", content=saved)
        assert (await over(client, job))["result"] == {"generation": "000002"}
        assert await ids(client, "tiny") == ["s3", "s2", "s1"]
        put = {"documents": [{"id": "n", "indices": [1], "values": [9.0]}]}
        assert (await client.put("/v1/collections/tiny/documents", json=put)).json()["warnings"] == []
        assert (await ids(client, "tiny"))[0] == "n"
        assert (await over(client, await client.post("/v1/collections/tiny:rollback")))["state"] in ("done", "failed")
        assert files(tiny / ".snapshots") == []


async def test_a_damaged_collection_is_restored(running, tiny, saved):
    next((tiny / "tiny").rglob("manifest.json")).write_text("{")
    async with running(tiny, wait=False) as client:
        problem(await client.get("/v1/collections/tiny"), 503)
        job = await client.post("/v1/collections/tiny:restore?replace=true", content=saved)
        assert (await over(client, job))["state"] == "done"
        assert await ids(client, "tiny") == ["s3", "s2", "s1"]


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as out:
        for info, content in members:
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file.getvalue()


def listing(*members: archive.Member) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo("snapshot.json"), archive._index(list(members))


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info, b""


HOSTILE = {
    "nothing": b"",
    "noise": random.Random(7).randbytes(5000),
    "zeros": bytes(20_480),
    "compressed noise": b"\x28\xb5\x2f\xfd" + random.Random(8).randbytes(5000),
    "another tar": tar((tarfile.TarInfo("etc/passwd"), b"root")),
    "a listing that is no JSON": tar((tarfile.TarInfo("snapshot.json"), b"{")),
    "a listing of nothing known": tar((tarfile.TarInfo("snapshot.json"), b'{"format": "9.0"}')),
    "a path out of the folder": tar(listing(archive.Member("../../evil.json", 1, "0" * 32))),
    "an absolute path": tar(listing(archive.Member("/tmp/evil.json", 1, "0" * 32))),
    "more bytes than the file": tar(listing(archive.Member("manifest.json", 1 << 60, "0" * 32))),
}


async def test_what_is_no_snapshot_is_refused_at_once(running, tiny):
    async with running(tiny) as client:
        for url in ("/v1/collections/new:restore", "/v1/collections/tiny:restore?replace=true"):
            for kind, content in HOSTILE.items():
                refused = problem(await client.post(url, content=content), 422)
                assert str(tiny) not in refused.detail
                assert "the body" in refused.detail, kind
        assert files(tiny) == [".snapshots", "tiny"]
        assert files(tiny / ".snapshots") == []
        assert await ids(client, "tiny") == ["a", "b"]
        assert (await client.get("/v1/jobs")).json()["jobs"] == []


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    at = content.index(b"ARROW1") + 64
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def linked(content: bytes) -> bytes:
    """Replace the manifest with a symbolic link of its name."""
    with tarfile.open(fileobj=io.BytesIO(content)) as source:
        index = source.extractfile("snapshot.json").read()  # type: ignore[union-attr]
    return tar((tarfile.TarInfo("snapshot.json"), index), link("manifest.json", "/etc/passwd")).ljust(
        len(content), b"\0"
    )


async def test_half_a_snapshot_is_refused_at_once(running, tiny, saved):
    async with running(tiny) as client:
        refused = problem(await client.post("/v1/collections/new:restore", content=cut(saved)), 422)
        assert refused.detail.startswith("the body is not a complete snapshot: it lists ")


@pytest.mark.parametrize("damage", [flipped, linked])
async def test_damage_is_found_before_anything_is_published(running, tiny, saved, damage):
    async with running(tiny) as client:
        for name, query in (("new", ""), ("tiny", "?replace=true")):
            job = await client.post(f"/v1/collections/{name}:restore{query}", content=damage(saved))
            assert job.status_code == 202
            failed = await over(client, job)
            assert failed["state"] == "failed"
            assert failed["problem"]["status"] == 500
            assert "is not a complete snapshot" in failed["problem"]["detail"]
            assert str(tiny) not in failed["problem"]["detail"]
        problem(await client.get("/v1/collections/new"), 404)
        info = (await client.get("/v1/collections/tiny")).json()
        assert (info["generation"], info["documents"]) == ("000001", 3)
        assert files(tiny) == [".snapshots", "tiny"]
        assert files(tiny / "tiny" / "generations") == ["000001"]
        assert files(tiny / ".snapshots") == []


async def test_uploads_are_limited(running, tiny, saved):
    async with running(tiny, max_snapshot_bytes=1000, max_body_bytes=100) as client:

        async def parts() -> Any:
            for at in range(0, len(saved), 100):
                yield saved[at : at + 100]

        for content in (saved, parts()):
            refused = problem(await client.post("/v1/collections/new:restore", content=content), 413)
            assert "setting max_snapshot_bytes" in refused.detail
        assert files(tiny) in (["tiny"], [".snapshots", "tiny"])
        assert not list(tiny.glob(".snapshots/*"))


async def test_wrong_requests_are_refused(running, tiny, saved):
    async with running(tiny) as client:
        job = await over(client, await client.post("/v1/collections/tiny:snapshot"))
        file = job["result"]["file"]
        for query, content, status in (
            ("?of=tiny", saved, 422),
            (f"?snapshot={file}&of=tiny", saved, 422),
            (f"?snapshot={file}", b"", 404),
            ("?snapshot=..%2F..%2Ftiny%2FCURRENT&of=tiny", b"", 404),
            ("?snapshot=none&of=tiny", b"", 404),
            (f"?snapshot={file}&of=none", b"", 404),
            ("?replace=perhaps", b"", 422),
            ("?overwrite=true", b"", 422),
        ):
            problem(await client.post(f"/v1/collections/new:restore{query}", content=content), status)
        assert files(tiny) == [".snapshots", "tiny"]
        assert files(tiny / ".snapshots" / "tiny") == [file]


async def test_snapshots_can_have_a_folder_of_their_own(running, tiny, tmp_path):
    async with running(tiny / "tiny", snapshots=tmp_path / "saved") as client:
        assert (await over(client, await client.post("/v1/collections/tiny:snapshot")))["state"] == "done"
    assert len(files(tmp_path / "saved" / "tiny")) == 1
    assert not (tiny / "tiny" / ".snapshots").exists()
