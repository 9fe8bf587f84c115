"""A process that changes a collection and is killed at a chosen step: a call that changes files.

`python -m tests.faults.victim` reads one JSON array per line from standard input, forks, and runs the operation in the
child; the product has no hooks for it. Forking saves imports and compilation for every kill.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

import seismic
from seismic import SparseVectors
from tests.naive import Row

STEPS = ("open", "write", "pwrite", "ftruncate", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")
"""Functions of `os` that change or sync files."""

DIMENSION = 8


class Victim:
    """Handle of the process, for tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, collection: Path, operation: str, argument: Any = None, step: int = 0, half: bool = False) -> bool:
        """Return whether the operation finished; else it was killed just before its `step`-th step (from 1), or, with
        `half`, in the middle of it if it is a write."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([str(collection), operation, argument, step, half]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in ("done", "killed"), "the victim failed for a reason of its own; see its output"
        return answer == "done"

    def close(self) -> None:
        self._process.communicate(timeout=300)
        assert self._process.returncode == 0


def upsert(collection: Path, rows: dict[str, Row]) -> None:
    """Upsert documents by id."""
    seismic.upsert(collection, *_documents(rows))


def build(collection: Path, rows: dict[str, Row]) -> None:
    """Publish a generation of these documents."""
    vectors, documents = _documents(rows)
    seismic.build(vectors, collection, documents=documents, replace=True)


def _documents(rows: dict[str, Row]) -> tuple[SparseVectors, pa.Table]:
    """Convert rows whose components JSON turned into text."""
    vectors = [{int(component): value for component, value in row.items()} for row in rows.values()]
    return SparseVectors.from_dicts(vectors, DIMENSION), pa.table({"id": pa.array(list(rows), pa.string())})


OPERATIONS: dict[str, Callable[[Path, Any], Any]] = {
    "build": build,
    "upsert": upsert,
    "delete": seismic.delete,
    "compact": lambda collection, _: seismic.compact(collection),
    "rollback": seismic.rollback,
    "snapshot": seismic.create_snapshot,
    "restore": lambda collection, file: seismic.restore_snapshot(file, collection),
}


def die_at(step: int, half: bool) -> None:
    """Kill this process at its `step`-th step from now on."""
    taken = 0

    def deadly(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal taken
            if name != "open" or arguments[1] & os.O_CREAT:
                taken += 1
                if taken == step:
                    if half and name in ("write", "pwrite"):
                        real(arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in STEPS:
        setattr(os, name, deadly(name, getattr(os, name)))


def main() -> None:
    """Answer "done" or "killed" to every line."""
    for line in sys.stdin:
        collection, operation, argument, step, half = json.loads(line)
        child = os.fork()
        if child == 0:
            die_at(step, half)
            OPERATIONS[operation](Path(collection), argument)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else "done" if status == 0 else "failed", flush=True)


if __name__ == "__main__":
    main()
