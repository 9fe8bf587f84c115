"""Batches of any size: they are split at the limits of the service, and answered as one."""

import asyncio
from collections.abc import Iterator

import httpx2
import numpy as np
import orjson
import pyarrow as pa
import pytest

import seismic
from seismic import InputError, SparseVectors
from seismic.client import AsyncClient, Batching, Client
from seismic.client.batching import ENVELOPE, split
from tests.server.conftest import PATIENCE, Server, start, wait_for

SMALL = Batching(searches=3, search_bytes=ENVELOPE + 200, upsert_bytes=ENVELOPE + 150)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("batching")
    vectors = SparseVectors.from_dicts([{row % 7: 1.0 + row} for row in range(50)], 10)
    seismic.build(vectors, folder / "tiny", documents=pa.table({"id": [f"t{row}" for row in range(50)]}))
    server = start(folder, tmp_path_factory.mktemp("log") / "server.jsonl")
    try:
        wait_for(lambda: httpx2.get(f"{server.url}/readyz", timeout=PATIENCE).is_success)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(PATIENCE)


def test_split() -> None:
    assert list(split([], 10)) == [[]]
    assert list(split([b"aa", b"bb", b"cc"], ENVELOPE + 6)) == [[b"aa", b"bb"], [b"cc"]]
    assert list(split([b"a"] * 5, ENVELOPE + 100, 2)) == [[b"a"] * 2, [b"a"] * 2, [b"a"]]
    assert list(split([b"a", b"x" * 5000, b"b"], ENVELOPE + 10)) == [[b"a"], [b"x" * 5000], [b"b"]]


def queries(count: int) -> list[dict[str, object]]:
    return [{"indices": [number % 7], "values": np.array([1.5])} for number in range(count)]


def test_batches_of_searches_are_answered_as_one(service: Server) -> None:
    with Client(service.url, timeout=PATIENCE) as one, Client(service.url, timeout=PATIENCE, batching=SMALL) as small:
        expected = one.search_batch("tiny", queries(10), limit=3)
        found = small.search_batch("tiny", queries(10), limit=3)
        assert [answer.hits for answer in found] == [answer.hits for answer in expected]
        assert len(one.search_batch("tiny", queries(600), limit=1)) == 600  # more than max_batch

    async def ask() -> int:
        async with AsyncClient(service.url, timeout=PATIENCE, batching=SMALL) as client:
            return len(await client.search_batch("tiny", queries(10), limit=3))

    assert asyncio.run(ask()) == 10


def test_upserts_are_sent_in_parts(service: Server) -> None:
    documents = [{"id": f"d{number}", "indices": [number % 3], "values": [1.0]} for number in range(40)]
    with Client(service.url, timeout=PATIENCE, batching=SMALL) as client:
        change = client.upsert("tiny", documents)  # type: ignore[arg-type]
        assert change.documents == 40
        assert client.document("tiny", "d39").id == "d39"
        assert client.collection("tiny").sequence == change.sequence


def test_an_upsert_may_have_32_megabytes(service: Server) -> None:
    size = len(orjson.dumps({"id": "d0", "indices": [0], "values": [1.0]})) + 1
    documents = [{"id": f"d{number}", "indices": [0], "values": [1.0]} for number in range((2 << 20) // size)]
    with Client(service.url, timeout=PATIENCE) as client:
        assert client.upsert("tiny", documents).documents == len(documents)  # type: ignore[arg-type]


def test_what_is_no_list_is_refused() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(InputError, match="expected a list of documents"):
        client.upsert("tiny", {"id": "a"})  # type: ignore[arg-type]
