"""Searches from many threads and from asyncio: at the same time, without waiting for each other."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

import seismic
from seismic import BuildParams, Index, SparseVectors
from seismic.errors import StoppedError
from seismic.search.hits import Hits
from seismic.stop import Stop, stoppable_by
from tests import samples

DIMENSION, MANY = 40, 1_000_000
QUERIES = [{"indices": [at, at + 1], "values": [1.0, 0.5]} for at in range(DIMENSION - 1)]


@pytest.fixture(scope="module", params=[1, 3], ids=["one shard", "three shards"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    path = tmp_path_factory.mktemp("threads") / "c"
    vectors = samples.random_vectors(900, DIMENSION, per_vector=6)
    seismic.build(vectors, path, params=BuildParams(layout="small"), shards=request.param)
    with seismic.open(path) as index:
        yield index


@pytest.fixture(scope="module")
def expected(index: Index) -> list[Hits]:
    return [index.search(query, 3) for query in QUERIES]


def test_single_searches_and_batches_from_many_threads(index: Index, expected: list[Hits]) -> None:
    def batch(at: int) -> list[list[int]]:
        found: list[list[int]] = index.search_batch(QUERIES[at : at + 4], 3)[0].tolist()
        return found

    numbers = [[hit.number for hit in hits] for hits in expected]
    with ThreadPoolExecutor(8) as threads:
        found, batches = threads.map(lambda query: index.search(query, 3), QUERIES * 5), threads.map(batch, range(20))
        assert list(found) == expected * 5
        assert list(batches) == [numbers[at : at + 4] for at in range(20)]


def test_searches_in_asyncio(index: Index, expected: list[Hits]) -> None:
    async def gathered() -> list[Hits]:
        return await asyncio.gather(*(asyncio.to_thread(index.search, query, 3) for query in QUERIES))

    assert asyncio.run(gathered()) == expected


def test_a_search_ends_while_another_thread_is_in_its_kernel(index: Index, expected: list[Hits]) -> None:
    """The long batch is stopped afterwards: it would end by itself if the search had waited for it."""
    indptr = np.arange(MANY + 1)
    batch = SparseVectors.from_arrays(indptr, np.zeros(MANY, np.uint16), np.ones(MANY, np.float32), DIMENSION)
    stop, begun, ended = Stop(), threading.Event(), Future[None]()

    def long() -> None:
        with stoppable_by(stop):
            begun.set()
            try:
                index.search_batch(batch, 1)
            except StoppedError as error:
                ended.set_exception(error)
            else:
                ended.set_result(None)

    thread = threading.Thread(target=long)
    thread.start()
    begun.wait()
    assert [index.search(query, 3) for query in QUERIES] == expected
    stop.set()
    thread.join()
    assert isinstance(ended.exception(), StoppedError)
