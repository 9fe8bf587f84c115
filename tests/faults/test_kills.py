"""kill -9 at every step of an append, a compaction and a build: acknowledged changes survive."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import seismic
from tests.faults.victim import Victim, build, upsert
from tests.naive import Row

BASE: dict[str, Row] = {"a": {0: 1.0}, "b": {0: 2.0, 1: 1.0}, "c": {2: 3.0}}
CHANGE: dict[str, Row] = {"a": {0: 4.0}, "d": {0: 5.0}}


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    process = Victim()
    yield process
    process.close()


def contents(collection: Path) -> dict[str, float]:
    """Map the ids of all documents that search and lookup find to their weight of component 0."""
    with seismic.open(collection) as index:
        found = {str(hit.id): round(hit.score, 3) for hit in index.search({"indices": [0], "values": [1.0]}, 100)}
        assert sorted(found) == sorted(id for id in "abcdef" if id in found and index.find([id])[0] >= 0)
        return found


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Create a collection of two generations and changes."""
    build(tmp_path / "index", BASE)
    upsert(tmp_path / "index", {"e": {0: 9.0}})
    seismic.compact(tmp_path / "index")
    upsert(tmp_path / "index", CHANGE)
    seismic.delete(tmp_path / "index", ["b"])
    return tmp_path / "index"


NOW = {"a": 4.0, "d": 5.0, "e": 9.0}


@pytest.mark.parametrize(
    ("operation", "argument", "after", "half", "least"),
    [
        ("upsert", {"a": {0: 6.0}, "f": {0: 7.0}}, {**NOW, "a": 6.0, "f": 7.0}, False, 4),
        ("upsert", {"a": {0: 6.0}, "f": {0: 7.0}}, {**NOW, "a": 6.0, "f": 7.0}, True, 4),
        ("delete", ["a"], {"d": 5.0, "e": 9.0}, False, 4),
        ("compact", None, NOW, False, 30),
        ("build", {"a": {0: 1.0}}, {"a": 1.0}, False, 30),
    ],
)
def test_kill_at_every_step(
    tmp_path: Path, victim: Victim, collection: Path, operation: str, argument: Any, after: dict, half: bool, least: int
) -> None:
    step, done = 0, False
    while not done:
        step += 1
        work = tmp_path / "work"
        shutil.copytree(collection, work)
        done = victim.run(work, operation, argument, step, half)
        found = contents(work)
        assert found == after or (found == NOW and not done), f"step {step}"
        if step % 4 == 0 or done:
            upsert(work, {"c": {0: 8.0}})
            seismic.compact(work)
            assert contents(work) == {**found, "c": 8.0}, f"step {step}"
        shutil.rmtree(work)
    print(f"{operation}: {step - 1} kills")
    assert step > least
