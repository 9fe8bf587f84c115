"""An index in other processes: forked, spawned, pickled and copied."""

import copy
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seismic
from seismic import Index, ParameterError, SearchParams, SparseVectors, errors
from seismic.stop import Stop, current, stoppable_by, time_limit
from seismic.store.lock import Lease, try_exclusive
from seismic.store.manifest import FILE_NAME
from tests import samples

QUERY = {"indices": [0, 1], "values": [1.0, 2.0]}
PATIENT = SearchParams(timeout_ms=600_000)
METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes") / "index"
    seismic.build(samples.random_vectors(500, per_vector=10), folder)
    return folder


def exit_code(task: Callable[[], object]) -> int:
    """Run a task in a fork and return its exit code; it is killed after ten minutes."""
    child = os.fork()
    if child == 0:
        signal.alarm(600)
        code = 1
        try:
            task()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def search(index: Index, k: int) -> list[Any]:
    return [tuple(hit) for hit in index.search(QUERY, k, params=PATIENT)]


def test_a_fork_searches_with_deadlines(collection: Path) -> None:
    with seismic.open(collection) as index:
        expected = search(index, 5)

        def check() -> None:
            assert search(index, 5) == expected
            assert not index.refresh()

        assert [exit_code(check) for _ in range(20)] == [0] * 20


def test_a_fork_while_every_lock_is_held(collection: Path) -> None:
    with seismic.open(collection) as index:
        wanted = {"must": [{"ids": [1, 2]}]}
        index.count(wanted)
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            from seismic.encoders import folder
            from seismic.stop import _WATCH

            with _WATCH._changed, index._refreshing, index._responder.filters._cache._lock, folder._loading:
                held.set()
                go_on.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(60)

        def check() -> None:
            assert index.count(wanted) == 2
            assert search(index, 1)
            index.refresh()
            seismic.load_encoder("splade-tiny")

        code = exit_code(check)
        go_on.set()
        thread.join()
    assert code == 0


def test_a_fork_keeps_the_deadline_of_its_thread() -> None:
    def check() -> None:
        stop = current()
        while not stop.flag[0]:
            os.sched_yield()

    with time_limit(20):
        assert exit_code(check) == 0


def test_a_fork_forgets_the_deadlines_of_other_threads() -> None:
    other = Stop()
    other.after(600_000)
    with stoppable_by(Stop()):
        from seismic.stop import _WATCH

        assert exit_code(lambda: _assert(not _WATCH._waiting)) == 0
    other.close()


def _assert(holds: bool) -> None:
    assert holds


@pytest.mark.parametrize("method", METHODS)
def test_pools_search_a_pickled_index(collection: Path, method: str) -> None:
    with seismic.open(collection) as index:
        expected = [search(index, k) for k in (1, 2, 3)]
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(partial(search, index), [1, 2, 3]) == expected
            pool.close()  # let workers end by themselves: forks inherit the test runner's signal handlers
            pool.join()
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            assert list(executor.map(partial(search, index), [1, 2, 3])) == expected


def test_a_relative_path_survives_a_change_of_directory(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(collection.parent)
    with seismic.open(collection.name) as index:
        monkeypatch.chdir(tmp_path)
        assert not index.refresh()
        with pickle.loads(pickle.dumps(index)) as other:
            assert search(other, 3) == search(index, 3)
            assert other.name == index.name


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda index: copy.deepcopy({"a": [index]})["a"][0]])
def test_copies_do_not_release_the_files(collection: Path, tmp_path: Path, copied: Callable[[Index], Index]) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(collection, folder)
    manifest = folder / "generations" / "000001" / FILE_NAME
    index = seismic.open(folder)
    other = copied(index)
    expected = search(index, 3)
    assert search(other, 3) == expected
    index.close()
    del index
    with try_exclusive(manifest) as free:
        assert not free, "the copy still has the files open"
    seismic.build(samples.random_vectors(50, per_vector=5), folder, replace=True, keep=1)
    assert search(other, 3) == expected
    before = set(os.listdir("/proc/self/fd"))
    other.close()
    other.close()
    del other
    with try_exclusive(manifest) as free:
        assert free
    assert set(os.listdir("/proc/self/fd")) <= before


def test_a_lease_has_one_descriptor(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    lease = Lease(file)
    assert copy.copy(lease) is lease
    assert copy.deepcopy([lease])[0] is lease
    with pytest.raises(TypeError, match="an open lock cannot be pickled; pickle the Index"):
        pickle.dumps(lease)
    lease.close()


def test_a_closed_index_cannot_be_pickled(collection: Path) -> None:
    index = seismic.open(collection)
    index.close()
    with pytest.raises(ParameterError, match="is closed; open it again"):
        pickle.dumps(index)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda vectors: pickle.loads(pickle.dumps(vectors))])
def test_vectors_stay_read_only(again: Callable[[SparseVectors], SparseVectors]) -> None:
    vectors = SparseVectors.from_dicts([{1: 0.5}, {}, {0: 1.5, 70_000: 1.0}])
    other = again(vectors)
    for array, expected in zip(samples.csr(other), samples.csr(vectors), strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)
        assert not array.flags.writeable


@pytest.mark.parametrize(
    "error",
    [
        errors.FilterError("found 1, expected 2", "filter.must[0]"),
        errors.VectorError("found 1", row=3, field="values", source="a.jsonl"),
        errors.ParameterError("k is 0", [{"loc": ("k",)}]),
        errors.DeadlineError("late"),
        errors.CorruptIndexError("damaged"),
    ],
)
def test_errors_reach_another_process(error: errors.SeismicError) -> None:
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)
