"""Shards built by tasks of a runner: the bytes of a local build, whatever tasks do."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, ParameterError, SparseVectors, StorageError
from seismic.builder.tasks import Attempt, ShardTask, read_input, run_task, write_input
from seismic.store.garbage import RESUMABLE
from tests.builder.test_build import files
from tests.samples import random_vectors

VECTORS = random_vectors(500)
KINDS = pa.chunked_array([pa.array(["a", "b"] * 100).dictionary_encode(), pa.array(["c"] * 300).dictionary_encode()])
DOCUMENTS = pa.table({"id": [f"d{row}" for row in range(500)], "row": range(500), "kind": KINDS})
SHARDS = 4


class Here:
    """Runs tasks in this process, the last one first, each as often as `attempts` says."""

    threads = 1

    def __init__(self, attempts: int = 1, fail_after: int | None = None) -> None:
        self.attempts, self.fail_after, self.ran = attempts, fail_after, list[ShardTask]()
        self.late: list[tuple[ShardTask, Attempt]] = []

    def run(self, tasks: Sequence[ShardTask]) -> Iterator[tuple[int, Attempt]]:
        for number in reversed(range(len(tasks))):
            if self.fail_after == len(self.ran):
                raise StorageError("the cluster has gone")
            self.ran.append(tasks[number])
            first = run_task(tasks[number])
            self.late += [(tasks[number], run_task(tasks[number])) for _ in range(self.attempts - 1)]
            yield number, first


def build(out: Path, runner: Any = None, **options: Any) -> Path:
    options = {"documents": DOCUMENTS, "shards": SHARDS, **options}
    return seismic.build(VECTORS, out, runner=runner, **options)


@pytest.mark.parametrize("layout", ["shared", "small", "lists"])
def test_tasks_write_the_bytes_of_a_local_build(tmp_path: Path, layout: Any) -> None:
    params = BuildParams(layout=layout, shard_by="hash")
    for name, runner in (("here", None), ("tasks", Here())):
        build(tmp_path / name, runner, params=params, workers=2)
    assert files(tmp_path / "here") == files(tmp_path / "tasks")
    assert [path.name for path in (tmp_path / "tasks" / "generations").iterdir()] == ["000001"]


def test_fields_are_counted(tmp_path: Path) -> None:
    vectors = {"a": VECTORS, "b": random_vectors(500, seed=1)}
    for name, runner in (("here", None), ("tasks", Here())):
        seismic.build(vectors, tmp_path / name, documents=DOCUMENTS, shards=2, runner=runner)
    assert files(tmp_path / "here") == files(tmp_path / "tasks")


def test_a_late_attempt_changes_nothing(tmp_path: Path) -> None:
    runner = Here(attempts=3)
    build(tmp_path / "here")
    build(tmp_path / "tasks", runner)
    assert files(tmp_path / "here") == files(tmp_path / "tasks")
    for task, attempt in runner.late:  # the folder of the attempts went with the build
        assert not attempt.folder.exists()
        with pytest.raises(StorageError, match="found no input here; keep the collection on storage that all nodes"):
            run_task(task)
    assert files(tmp_path / "here") == files(tmp_path / "tasks")


def test_an_attempt_that_still_writes_while_its_shard_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that was thought dead comes back in the middle of its task."""
    started, go, outcome = threading.Event(), threading.Event(), list[Any]()
    building = run_task.__globals__["build_shard"]

    def slow(*arguments: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            started.set()
            assert go.wait(60)
        return building(*arguments)

    def attempt(task: ShardTask) -> None:
        try:
            outcome.append(run_task(task))
        except Exception as error:
            outcome.append(error)

    class Late(Here):
        def run(self, tasks: Sequence[ShardTask]) -> Iterator[tuple[int, Attempt]]:
            self.thread = threading.Thread(target=attempt, args=(tasks[0],))
            self.thread.start()
            assert started.wait(60)
            yield from super().run(tasks)

    monkeypatch.setitem(run_task.__globals__, "build_shard", slow)
    runner = Late()
    build(tmp_path / "tasks", runner)
    published = files(tmp_path / "tasks")
    go.set()
    runner.thread.join(60)
    assert isinstance(outcome[0], StorageError)
    assert files(tmp_path / "tasks") == published
    build(tmp_path / "here")
    assert files(tmp_path / "here") == published


def test_finished_shards_are_kept_for_resume(tmp_path: Path) -> None:
    out = tmp_path / "tasks"
    with pytest.raises(StorageError, match="has gone"):
        build(out, Here(fail_after=3), resume=True)
    assert [path.name for path in (out / "generations").iterdir()] == [RESUMABLE]
    runner, stages = Here(), set()
    build(out, runner, resume=True, progress=lambda stage, done, total: stages.add((stage, done, total)))
    assert [task.name for task in runner.ran] == ["shard-00000"]
    assert {("resume", 375, 500), ("build", 125, 500)} <= stages
    build(tmp_path / "here")
    assert files(tmp_path / "here") == files(out)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="has gone"):
        build(tmp_path / "out", Here(fail_after=2))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(run_task.__globals__, "build_shard", shutil.copyfile)
    folder = tmp_path / "input"
    folder.mkdir()
    seen = Here()
    with pytest.raises(TypeError):
        build(tmp_path / "out", seen)
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


def test_a_task_checks_its_input(tmp_path: Path) -> None:
    class Damaging(Here):
        def run(self, tasks: Sequence[ShardTask]) -> Iterator[tuple[int, Attempt]]:
            path = tasks[0].folder / "values.npy"
            damaged = bytearray(path.read_bytes())
            damaged[-1] ^= 1
            path.write_bytes(bytes(damaged))
            return super().run(tasks)

    with pytest.raises(StorageError, match="shard-00003 reads other input than was written"):
        build(tmp_path / "out", Damaging())


@pytest.mark.parametrize("vectors", [VECTORS, random_vectors(50, 105_879), SparseVectors.from_dicts([{}, {}], 5)])
def test_the_input_reads_back(tmp_path: Path, vectors: SparseVectors) -> None:
    rows = DOCUMENTS.slice(0, len(vectors))
    write_input(tmp_path, vectors, rows)
    read, documents = read_input(tmp_path)
    for name in ("indptr", "components", "values"):
        assert np.array_equal(getattr(read, name), getattr(vectors, name))
    assert read.dimension == vectors.dimension
    assert documents.to_pylist() == rows.to_pylist()


def test_memory_is_that_of_one_shard(tmp_path: Path) -> None:
    runner = Here()
    build(tmp_path / "out", runner, memory=400_000_000, workers=7)
    assert len(runner.ran) == SHARDS


def test_another_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"runner is '127.0.0.1:6379', expected one such as seis"):
        build(tmp_path / "out", "127.0.0.1:6379")


def test_compactions_use_a_runner_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seismic.maintenance.compaction.LEAST_DOCUMENTS", 100)
    for name, runner in (("here", None), ("tasks", Here())):
        build(tmp_path / name, params=BuildParams(shard_by="hash"))
        seismic.delete(tmp_path / name, [f"d{row}" for row in range(0, 500, 7)])
        seismic.compact(tmp_path / name, runner=runner)
    assert len(runner.ran) == SHARDS
    assert files(tmp_path / "here") == files(tmp_path / "tasks")
    seismic.delete(tmp_path / "tasks", DOCUMENTS["id"].to_pylist())
    seismic.compact(tmp_path / "tasks", runner=Here())
    with seismic.open(tmp_path / "tasks") as index:
        assert len(index) == 0
