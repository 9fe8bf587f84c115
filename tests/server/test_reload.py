"""Generations and changes of other processes are served; damaged ones are not."""

import asyncio
import shutil
from pathlib import Path

import httpx2
import pyarrow as pa
import pytest
import structlog

import seismic
from seismic import CorruptIndexError, Index, SparseVectors
from seismic_server import discovery
from seismic_server.collections import refresher as reload

from .conftest import PATIENCE, until_status
from .test_documents import QUERY, URL, found, put

pytestmark = pytest.mark.anyio


VECTOR = {"indices": [1], "values": [1.0]}


async def until(client: httpx2.AsyncClient, name: str, value: object) -> dict:
    """Return the collection's state once a field has a value."""
    async with asyncio.timeout(PATIENCE):
        while (info := (await client.get(URL)).json())[name] != value:
            await asyncio.sleep(0.02)
    return info


def publish(folder: Path, *weights: float) -> None:
    vectors = SparseVectors.from_dicts([{1: weight} for weight in weights], 4)
    documents = pa.table({"id": [f"n{number}" for number in range(len(weights))]})
    seismic.build(vectors, folder / "tiny", documents=documents, replace=True)


async def test_generations_and_changes_of_other_processes_are_served(running, tiny):
    async with running(tiny, reload_ms=50) as client:
        seismic.delete(tiny / "tiny", ["a"])
        await until(client, "sequence", 1)
        assert await found(client) == [("b", 1.0)]
        publish(tiny, 7.0)
        assert (await until(client, "generation", "000002")).get("problem") is None
        assert await found(client) == [("n0", 7.0)]
        assert (await put(client, {"id": "d", "indices": [1], "values": [1.0]})).json()["generation"] == "000002"
        assert (await client.get("/readyz")).json()["collections"][0]["generation"] == "000002"


async def test_a_collection_without_documents_is_served(running, tiny):
    seismic.delete(tiny / "tiny", ["a", "b", "c"])
    async with running(tiny) as client:
        assert await found(client) == []
        assert (await put(client, {"id": "d", "indices": [1], "values": [1.0]})).status_code == 200
        assert await found(client) == [("d", 1.0)]


async def test_reload_switches_immediately(running, tiny):
    async with running(tiny, reload_ms=3_600_000) as client:
        publish(tiny, 7.0)
        assert (await client.post(f"{URL}:reload")).json()["generation"] == "000002"
        assert await found(client) == [("n0", 7.0)]
        assert (await client.post("/v1/collections/none:reload")).status_code == 404


async def test_new_profiles_are_used(running, tiny):
    async with running(tiny, reload_ms=50) as client:
        seismic.tune(tiny / "tiny", SparseVectors.from_dicts([{1: 1.0}] * 20, 4), depths=(1,))
        body = QUERY | {"limit": 1, "params": {"recall": 0.9}}
        async with asyncio.timeout(PATIENCE):
            while (await client.post(f"{URL}/search", json=body)).json().get("profile") is None:
                await asyncio.sleep(0.02)


async def test_a_bad_generation_is_not_served(running, tiny):
    async with running(tiny, reload_ms=50) as client:
        publish(tiny, 7.0)
        await until(client, "generation", "000002")
        (tiny / "tiny" / "generations" / "000003").mkdir()
        (tiny / "tiny" / "CURRENT").write_text("000003\n")
        async with asyncio.timeout(PATIENCE):
            while (info := (await client.get(URL)).json()).get("problem") is None:
                await asyncio.sleep(0.02)
        assert "CorruptIndexError" in info["problem"]
        assert "generation 000002 is served" in info["problem"]
        assert str(tiny) not in info["problem"]
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["collections"][0]["problem"]) == (200, info["problem"])
        assert (await client.post(f"{URL}:reload")).json()["problem"] == info["problem"]
        assert await found(client) == [("n0", 7.0)]
        (tiny / "tiny" / "CURRENT").write_text("000001\n")
        await until(client, "generation", "000001")
        assert (await client.get(URL)).json().get("problem") is None


async def test_a_log_that_vanished_is_a_problem_and_stops_changes(running, tiny):
    async with running(tiny, reload_ms=50) as client:
        for number in range(3):
            await put(client, {"id": f"e{number}", "indices": [1], "values": [3.0 + number]})
        before = await found(client)
        shutil.rmtree(tiny / "tiny" / "log")
        async with asyncio.timeout(PATIENCE):
            while (info := (await client.get(URL)).json()).get("problem") is None:
                await asyncio.sleep(0.02)
        assert "CorruptIndexError" in info["problem"]
        assert (await put(client, {"id": "new", "indices": [1], "values": [9.0]})).status_code == 500
        info = (await client.get(URL)).json()
        assert (info["sequence"], await found(client)) == (3, before)


async def test_many_changes_are_compacted(running, tiny, monkeypatch):
    monkeypatch.setattr(reload, "LEAST_CHANGES", 3)
    async with running(tiny, reload_ms=50) as client:
        for number in range(4):
            await put(client, {"id": f"e{number}", "indices": [1], "values": [3.0 + number]})
        before = await found(client)
        info = await until(client, "generation", "000002")
        assert (info["changed"], info["documents"]) == (0, 7)
        assert await found(client) == before


async def test_a_failed_compaction_is_logged_and_retried(running, tiny, monkeypatch):
    monkeypatch.setattr(reload, "LEAST_CHANGES", 1)
    monkeypatch.setattr(reload, "RETRY_SECONDS", 0.05)
    with structlog.testing.capture_logs() as lines:
        async with running(tiny, reload_ms=50) as client:
            with seismic.store.lock.writing(tiny / "tiny", "test"):
                await put(client, {"id": "d", "indices": [1], "values": [3.0]})
                async with asyncio.timeout(PATIENCE):
                    while not any(line["event"] == "job failed" for line in lines):
                        await asyncio.sleep(0.05)
                assert (await client.get(URL)).json()["generation"] == "000001"
            await until(client, "generation", "000002")
    assert "found test by process" in next(line["reason"] for line in lines if line["event"] == "job failed")


async def test_a_compaction_ends_with_the_service(running, tiny, monkeypatch):
    started = []
    create = asyncio.create_subprocess_exec

    async def endless(*command, **options):
        started.append(await create("sleep", "1000", **options))
        return started[0]

    monkeypatch.setattr(reload, "LEAST_CHANGES", 1)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", endless)
    async with running(tiny, reload_ms=50) as client:
        await put(client, {"id": "d", "indices": [1], "values": [3.0]})
        async with asyncio.timeout(PATIENCE):
            while not started:
                await asyncio.sleep(0.02)
        assert started[0].returncode is None
    assert started[0].returncode == -9
    assert len(seismic.open(tiny / "tiny")) == 4


async def test_new_collections_are_served(running, tiny, monkeypatch):
    monkeypatch.setattr(discovery, "LOOK_SECONDS", 0.02)
    (tiny / "broken").mkdir()
    async with running(tiny, reload_ms=50) as client:
        (tiny / "broken" / "CURRENT").write_text("000001\n")
        seismic.build(SparseVectors.from_dicts([{1: 3.0}], 4), tiny / "more", documents=pa.table({"id": ["m"]}))
        url = "/v1/collections/more"
        response = await until_status(200, lambda: client.get(url))
        assert response.json()["state"] == "ready"
        assert (await client.put(f"{url}/documents", json={"documents": [{"id": "n", **VECTOR}]})).status_code == 200
        seismic.delete(tiny / "more", ["m"])  # as another process does
        async with asyncio.timeout(PATIENCE):
            while (await client.get(url)).json()["sequence"] < 2:
                await asyncio.sleep(0.02)
        answer = (await client.post(f"{url}/search", json=QUERY)).json()
        assert [hit["id"] for hit in answer["hits"]] == ["n"]
        assert 'seismic_collection_documents{collection="more"} 1' in (await client.get("/metrics")).text
        served = (await client.get("/readyz")).json()["collections"]
        assert [(one["name"], "problem" in one) for one in served] == [
            ("broken", True),
            ("more", False),
            ("tiny", False),
        ]


async def test_writes_warn_while_they_cannot_be_searched(running, tiny, monkeypatch):
    def fail(index: Index) -> bool:
        raise CorruptIndexError("/secret is damaged")

    async with running(tiny, reload_ms=3_600_000) as client:
        url = f"{URL}/documents"
        documents = {"documents": [{"id": "d", **VECTOR}]}
        with monkeypatch.context() as patch:
            patch.setattr(Index, "refresh", fail)
            for response in (
                await client.put(url, json=documents),
                await client.post(f"{url}/delete", json={"ids": ["a"]}),
            ):
                assert response.status_code == 200
                (warning,) = response.json()["warnings"]
                assert warning.startswith("the change is durable, but not searched: cannot serve a newer generation")
                assert "secret" not in warning
        answer = (await client.put(url, json=documents)).json()
        assert answer["warnings"] == []


@pytest.mark.parametrize("failure", [MemoryError(), OSError(24, "Too many open files")], ids=["memory", "files"])
async def test_a_shortage_during_a_refresh_is_no_end(running, tiny, monkeypatch, failure):
    monkeypatch.setattr(reload, "SHORT_SECONDS", 0.01)
    refresh, failed = Index.refresh, []

    def fail_once(index: Index) -> bool:
        if index.sequence == 0 and len(failed) < 3:
            failed.append(index)
            raise failure
        return refresh(index)

    async with running(tiny, reload_ms=20) as client:
        monkeypatch.setattr(Index, "refresh", fail_once)
        seismic.delete(tiny / "tiny", ["a"])
        assert (await until(client, "sequence", 1)).get("problem") is None
        assert await found(client) == [("b", 1.0)]
    assert len(failed) == 3
