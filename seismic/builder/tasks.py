"""Shards built by other processes: each task is a function of a slice of the input, the parameters and their seed."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import orjson
import pyarrow as pa

from seismic.builder.resume import fingerprint
from seismic.builder.shard import build_shard
from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError, StorageError
from seismic.layouts import storage_of
from seismic.params import BuildParams
from seismic.store.failures import file_errors
from seismic.store.files import fsync
from seismic.store.manifest import ShardEntry
from seismic.vectors import SparseVectors

ARRAYS = ("indptr", "components", "values")
DOCUMENTS, ABOUT = "documents.arrow", "input.json"
ATTEMPT = ".attempt-"
ROWS = 1 << 16


class ShardTask(NamedTuple):
    """What the files of a shard depend on: documents first .. last - 1 of the input in `folder`, and parameters.

    ``name``: of the shard's folder. ``several``: whether the collection has several fields. ``fingerprint``: of the
    slice, the parameters and the versions of the software. ``threads`` do not change a byte.
    """

    folder: Path
    name: str
    first: int
    last: int
    params: BuildParams
    several: bool
    fingerprint: str
    threads: int


class Attempt(NamedTuple):
    """A shard that a task has written: its entry for the manifest, and its folder."""

    entry: ShardEntry
    folder: Path


@runtime_checkable
class Runner(Protocol):
    """Runs tasks somewhere, and again if they are lost."""

    threads: int
    """Threads of a task."""

    def run(self, tasks: Sequence[ShardTask]) -> Iterator[tuple[int, Attempt]]:
        """Yield the position and the attempt of each task once, in the order in which they end."""


def check_runner(runner: Any) -> None:
    """Raise ParameterError unless this is a runner or None."""
    if not (runner is None or isinstance(runner, Runner)):
        raise ParameterError(f"runner is {excerpt(runner)}, expected one such as seismic.cluster.RayRunner")


def write_input(folder: Path, vectors: SparseVectors, documents: pa.Table) -> None:
    """Write the input of all tasks into an existing folder."""
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(vectors, name))
    documents = documents.unify_dictionaries()  # a file has one dictionary a column
    with pa.ipc.new_file(str(folder / DOCUMENTS), documents.schema) as writer:
        writer.write_table(documents, ROWS)
    (folder / ABOUT).write_bytes(orjson.dumps({"dimension": vectors.dimension}))
    for path in (*folder.iterdir(), folder):
        fsync(path)


def read_input(folder: Path) -> tuple[SparseVectors, pa.Table]:
    """Map the input of all tasks. Raises StorageError if it is not here."""
    with file_errors("read", folder):
        if not folder.is_dir():
            raise StorageError(f"{folder}: found no input here; keep the collection on storage that all nodes share")
        dimension = orjson.loads((folder / ABOUT).read_bytes())["dimension"]
        indptr, components, values = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS)
        documents = pa.ipc.open_file(pa.memory_map(str(folder / DOCUMENTS))).read_all()
    return SparseVectors.trusted(indptr, components, values, dimension), documents


def plan_tasks(
    folder: Path,
    vectors: SparseVectors,
    documents: pa.Table,
    params: BuildParams,
    ranges: dict[str, tuple[int, int]],
    several: bool,
    threads: int,
) -> list[ShardTask]:
    """Return a task for each range of documents; `folder` has the input. Workers have another working folder."""
    tasks = []
    for name, (first, last) in ranges.items():
        mark = slice_fingerprint(vectors, documents, params, first, last)
        tasks.append(ShardTask(folder.absolute(), name, first, last, params, several, mark, threads))
    return tasks


def slice_fingerprint(vectors: SparseVectors, documents: pa.Table, params: BuildParams, first: int, last: int) -> str:
    """Return the hash of everything that the bytes of a shard depend on."""
    return fingerprint(vectors.slice(first, last), documents.slice(first, last - first), params, [(first, last)])


def run_task(task: ShardTask) -> Attempt:
    """Build a shard in a folder that no other attempt uses, and make its files durable.

    A failure leaves nothing. The caller moves the folder to its place, so an attempt that is late changes nothing.
    Raises StorageError if the input is not here or is not what the driver wrote.
    """
    vectors, documents = read_input(task.folder)
    if slice_fingerprint(vectors, documents, task.params, task.first, task.last) != task.fingerprint:
        raise StorageError(f"{task.folder}: {task.name} reads other input than was written; check the shared storage")
    attempt = task.folder / f"{ATTEMPT}{uuid.uuid4().hex}"
    inner = attempt / task.name
    storage = storage_of(task.params.layout, several_fields=task.several)
    try:
        with file_errors("write to", task.folder):
            attempt.mkdir()
            inner.mkdir()
            part, rows = vectors.slice(task.first, task.last), documents.slice(task.first, task.last - task.first)
            entry = build_shard(part, rows, inner, task.first, task.params, storage, task.threads, lambda *_: None)
            for path in (*inner.iterdir(), inner):
                fsync(path)
    except BaseException:
        shutil.rmtree(attempt, ignore_errors=True)
        raise
    return Attempt(entry, inner)
