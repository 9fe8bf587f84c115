"""All hashes of a served generation are checked in the background; damage is reported, and searches go on."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seismic.store.manifest import read_manifest
from seismic.store.sections import placed

from .conftest import PATIENCE
from .test_documents import URL, found
from .test_reload import publish

pytestmark = pytest.mark.anyio

FILE = "shard-00000/documents.arrow"


def damage(generation: Path) -> None:
    """Change a bit of a title, which `none` and most samples overlook."""
    sections = placed(read_manifest(generation).files[FILE].sections)
    [place] = [first for first, section in sections if section.name == "title values"]
    content = bytearray((generation / FILE).read_bytes())
    content[place] ^= 1
    (generation / FILE).write_bytes(content)


async def checked(client: httpx2.AsyncClient, generation: str = "000001") -> dict[str, Any]:
    """Return the state of the collection once this generation was checked."""
    async with asyncio.timeout(PATIENCE):
        while True:
            info: dict[str, Any] = (await client.get(URL)).json()
            if info["generation"] == generation and info["integrity"] != "unchecked":
                return info
            await asyncio.sleep(0.02)


async def test_a_sound_generation(running, tiny):
    async with running(tiny) as client:
        info = await checked(client)
        assert (info["integrity"], info.get("problem")) == ("sound", None)
        metrics = (await client.get("/metrics")).text
        assert 'seismic_collection_sound{collection="tiny"} 1.0' in metrics
        assert 'seismic_collection_damaged{collection="tiny"} 0.0' in metrics
        size = sum(path.stat().st_size for path in (tiny / "tiny").rglob("*.arrow"))
        assert f"seismic_scrubbed_bytes_total {float(size)}" in metrics


async def test_damage_is_a_problem_until_a_sound_generation_is_served(running, tiny):
    damage(tiny / "tiny/generations/000001")
    async with running(tiny, verify="none", reload_ms=50) as client:
        info = await checked(client)
        assert info["integrity"] == "damaged"
        assert f"generation 000001 is damaged: {FILE}, title values: bytes " in info["problem"]
        assert "do not match their hash; restore it" in info["problem"]
        [served] = (await client.get("/readyz")).json()["collections"]
        assert (served["integrity"], served["problem"]) == ("damaged", info["problem"])
        assert 'seismic_collection_damaged{collection="tiny"} 1.0' in (await client.get("/metrics")).text
        assert await found(client) == [("a", 2.0), ("b", 1.0)]
        publish(tiny, 7.0)
        info = await checked(client, "000002")
        assert (info["integrity"], info.get("problem")) == ("sound", None)


async def test_a_generation_checked_at_opening_is_not_read_again(running, tiny):
    async with running(tiny, verify="full") as client:
        assert (await checked(client))["integrity"] == "sound"
        assert "seismic_scrubbed_bytes_total 0.0" in (await client.get("/metrics")).text


async def test_it_can_be_disabled(running, tiny):
    async with running(tiny, scrub_mb_per_second=0) as client:
        assert (await client.get(URL)).json()["integrity"] == "unchecked"


async def test_a_slow_check_ends_with_the_service(running, tiny, monkeypatch):
    monkeypatch.setattr("seismic_server.collections.scrubber.MEGABYTE", 1e-6)  # a byte takes years
    async with running(tiny, scrub_mb_per_second=1) as client:
        assert (await client.get(URL)).json()["integrity"] == "unchecked"
