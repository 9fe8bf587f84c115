"""A client in other processes: forked, spawned, pickled and copied."""

import asyncio
import copy
import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.pool import Pool
from typing import Any

import httpx2
import pytest

from seismic.client import AsyncClient, Client
from tests.server.conftest import Server

from .test_client import AT_ONCE, changing_index, service  # noqa: F401 (fixtures)

ROUNDS = 100


def tops(client: Client, ids: list[str]) -> list[str]:
    """Return the first hit of each query by a document: its nearest other document."""
    return [str(client.search("papers", {"id": id}, limit=1).hits[0].id) for id in ids]


def in_child(client: Client, ids: list[str], expected: list[str]) -> int:
    found = tops(client, ids * (ROUNDS // len(ids)))
    return sum(one != other for one, other in zip(found, expected * (ROUNDS // len(ids)), strict=True))


def end(pool: Pool) -> None:
    """Let workers end by themselves: the test runner's handlers, which forks inherit, may keep a signal from them."""
    pool.close()
    pool.join()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_do_not_share_connections(service: Server, method: str) -> None:  # noqa: F811
    with Client(service.url, retries=AT_ONCE, timeout=60) as client:
        ids = [str(hit.id) for hit in client.search("papers", {"tokens": {"cell": 1.0}}, limit=20).hits]
        expected = tops(client, ids)
        parts = [(client, ids[part::4], expected[part::4]) for part in range(4)]
        with multiprocessing.get_context(method).Pool(4) as pool:
            assert pool.starmap(in_child, parts) == [0] * 4
            end(pool)
        assert in_child(client, ids, expected) == 0


def test_a_client_of_the_parent_works_in_a_fork_and_after_it(service: Server) -> None:  # noqa: F811
    """Start children that inherit the client instead of unpickling it."""
    global _CLIENT
    with Client(service.url, retries=AT_ONCE, timeout=60) as _CLIENT:
        ids = [str(hit.id) for hit in _CLIENT.search("papers", {"tokens": {"cell": 1.0}}, limit=20).hits]
        expected = tops(_CLIENT, ids)
        with multiprocessing.get_context("fork").Pool(4) as pool:
            parts = [pool.apply_async(_inherited, (ids[part::4], expected[part::4])) for part in range(4)]
            assert in_child(_CLIENT, ids, expected) == 0
            assert [part.get(600) for part in parts] == [0] * 4
            end(pool)


_CLIENT: Client


def _inherited(ids: list[str], expected: list[str]) -> int:
    return in_child(_CLIENT, ids, expected)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda client: pickle.loads(pickle.dumps(client))])
def test_copies_have_connections_of_their_own(service: Server, again: Callable[[Any], Any]) -> None:  # noqa: F811
    client = Client(service.url, api_key="k", timeout=60, retries=AT_ONCE)
    other = again(client)
    client.close()
    assert [one.name for one in other.collections()] == ["papers"]
    assert other._connections.get().headers["Authorization"] == "Bearer k"
    other.close()

    async def check() -> None:
        first = AsyncClient(service.url, retries=AT_ONCE)
        second = again(first)
        await first.close()
        async with second:
            assert await second.ready()

    asyncio.run(check())


def test_copies_share_what_cannot_be_copied() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"collections": []}))
    client = Client("http://service", transport=transport, verify=False)
    assert copy.deepcopy({"client": client})["client"].collections() == []
