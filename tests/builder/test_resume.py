"""Builds that are killed, and resumed."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, OutputExistsError, SparseVectors
from seismic.builder.plan import PER_DOCUMENT, PROCESS, shard_bytes
from seismic.layouts import LAYOUTS
from seismic.store.garbage import RESUMABLE
from tests.builder.test_build import files
from tests.samples import random_vectors

VECTORS = random_vectors(900)
DOCUMENTS = pa.table({"id": [f"d{row}" for row in range(len(VECTORS))], "row": range(len(VECTORS))})
SHARDS = 4


def build(
    out: Path,
    workers: int = 1,
    resume: bool = True,
    vectors: SparseVectors = VECTORS,
    documents: pa.Table = DOCUMENTS,
    params: BuildParams | None = None,
) -> set[str]:
    """Build, and return the stages reported."""
    stages = set()
    seismic.build(
        vectors,
        out,
        documents=documents,
        params=params,
        shards=SHARDS,
        workers=workers,
        resume=resume,
        replace=(out / "CURRENT").exists(),
        progress=lambda stage, done, total: stages.add(stage),
    )
    return stages


def killed(out: Path, after: int) -> None:
    """Run a build that kills its process once N shards have their maxima; the last of these is unfinished."""
    child = os.fork()
    if child == 0:
        seen = 0

        def progress(stage: str, done: int, total: int) -> None:
            nonlocal seen
            seen += stage == "maxima"
            if seen == after:
                os.kill(os.getpid(), signal.SIGKILL)

        seismic.build(VECTORS, out, documents=DOCUMENTS, shards=SHARDS, resume=True, progress=progress)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_build_that_was_killed_just_after_publishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "index"

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seismic.store.publish.remove_old", kill)
        with pytest.raises(KeyboardInterrupt):
            seismic.build(VECTORS, out, documents=DOCUMENTS, shards=SHARDS, resume=True)
    done = seismic.build(VECTORS, out, documents=DOCUMENTS, shards=SHARDS, resume=True)
    assert done == out / "generations/000001"
    with pytest.raises(OutputExistsError, match="exists; choose another folder"):
        seismic.build(VECTORS.slice(0, 9), out, documents=DOCUMENTS.slice(0, 9), resume=True)
    seismic.delete(out, ["d1"])
    seismic.compact(out)
    with pytest.raises(OutputExistsError):
        seismic.build(VECTORS, out, documents=DOCUMENTS, shards=SHARDS, resume=True)
    assert sorted(path.name for path in (out / "generations").iterdir()) == ["000001", "000002"]


def staged(out: Path) -> Path:
    return out / "generations" / RESUMABLE


def inodes(out: Path) -> dict[str, int]:
    """Return the hashes of the finished shards' files."""
    marks = staged(out).glob("shard-*.json")
    return {str(path): path.stat().st_ino for mark in marks for path in mark.with_suffix("").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "index"
    build(out, resume=False)
    return files(out)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_build_goes_on_with_the_same_bytes(
    tmp_path: Path, whole: dict[str, bytes], after: int, workers: int
) -> None:
    out = tmp_path / "index"
    killed(out, after)
    assert not (out / "CURRENT").exists()
    kept = inodes(out)
    assert len({Path(path).parent for path in kept}) == after - 1
    stages = build(out, workers)
    assert ("resume" in stages) == (after > 1)
    assert files(out) == whole
    published = {path.stat().st_ino for path in (out / "generations" / "000001").rglob("*.arrow")}
    assert set(kept.values()) <= published


def test_nothing_to_resume_is_a_build(tmp_path: Path, whole: dict[str, bytes]) -> None:
    assert "resume" not in build(tmp_path / "index")
    assert files(tmp_path / "index") == whole


def test_a_build_that_was_killed_twice(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "index"
    killed(out, 2)
    killed(out, 2)
    assert len(inodes(out)) == len(set(inodes(out))) > 0
    build(out)
    assert files(out) == whole


@pytest.mark.parametrize("what", ["vectors", "documents", "params"])
def test_shards_of_another_input_are_not_trusted(tmp_path: Path, what: str) -> None:
    values = VECTORS.values.copy()
    values[7] *= np.float32(2)
    other = {
        "vectors": SparseVectors.from_arrays(VECTORS.indptr, VECTORS.components, values, VECTORS.dimension),
        "documents": DOCUMENTS.set_column(1, "row", [pa.array(range(1, len(VECTORS) + 1))]),
        "params": BuildParams(seed=1),
    }[what]
    killed(tmp_path / "index", 3)
    assert "resume" not in build(tmp_path / "index", **{what: other})
    build(tmp_path / "fresh", resume=False, **{what: other})
    assert files(tmp_path / "index") == files(tmp_path / "fresh")


def test_a_damaged_shard_is_built_again(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "index"
    killed(out, 4)
    damaged = staged(out) / "shard-00001" / "shared.arrow"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    (staged(out) / "shard-00002.json").write_text("{")
    build(out)
    assert files(out) == whole


def test_a_build_without_resume_removes_what_is_left(tmp_path: Path, whole: dict[str, bytes]) -> None:
    out = tmp_path / "index"
    killed(out, 3)
    assert "resume" not in build(out, resume=False)
    assert files(out) == whole


def test_the_generation_served_stays_while_the_next_one_is_interrupted(tmp_path: Path) -> None:
    out = tmp_path / "index"
    build(out, resume=False, params=BuildParams(seed=5))
    shutil.copytree(out, tmp_path / "before")
    child = os.fork()
    if child == 0:
        seismic.build(VECTORS, out, resume=True, replace=True, progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    os.waitpid(child, 0)
    assert staged(out).exists()
    with seismic.open(out) as index:
        assert index.generation == "000001"
    build(out)
    with seismic.open(out) as index:
        assert index.generation == "000002"
    assert not staged(out).exists()


def test_memory_cuts_shards_and_the_bytes_are_those_of_as_many(tmp_path: Path, whole: dict[str, bytes]) -> None:
    quarter = max(
        shard_bytes(225, int(np.diff(VECTORS.indptr[[first, first + 225]])[0]), VECTORS.dimension, LAYOUTS["shared"])
        for first in range(0, 900, 225)
    )
    memory = PROCESS + PER_DOCUMENT * len(VECTORS) + quarter
    for workers in (1, 3):
        out = tmp_path / str(workers)
        seismic.build(VECTORS, out, documents=DOCUMENTS, workers=workers, memory=memory)
        assert files(out) == whole
