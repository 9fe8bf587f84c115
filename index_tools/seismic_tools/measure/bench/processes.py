"""The parent's end of a worker, a process in the environment of an engine that answers commands."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import seismic
from seismic_tools.measure.bench.engines.base import Engine

THREADS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Environment variables that limit the threads of the libraries of engines."""

LAST_WORDS = 2000
"""Bytes of output that are searched for an error message."""


class WorkerError(Exception):
    """An engine raised an exception, or its process ended."""


class Process:
    """A worker of `engine`, run by `python` on the vectors in `collection` with at most `threads` threads.

    ``call("search", k=10, ...)`` sends a command and returns the answer; WorkerError if it fails. A context manager.
    """

    def __init__(self, engine: Engine, python: str, collection: Path, threads: int) -> None:
        self._output = TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-P", "-m", "engines.worker", engine.name, str(collection)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            text=True,
            cwd=collection,
            env={**os.environ, "PYTHONPATH": _path(engine), **dict.fromkeys(THREADS, str(threads))},
        )

    def call(self, do: str, **arguments: Any) -> Any:
        """Send a command and return the answer."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"{do}: the process ended with code {self._process.wait()}{self._last_line()}")
        reply: Mapping[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(f"{do}: {reply['error']}")
        return reply["answer"]

    def _last_line(self) -> str:
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - LAST_WORDS))
        lines = self._output.read().decode(errors="replace").split("\n")
        output = [line for line in lines if line.strip()]
        return f": {output[-1]}" if output else ""

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _path(engine: Engine) -> str:
    """Return the path of a worker. Rivals get the adapters only: the Rust wheel is also called `seismic`."""
    folders = [Path(__file__).parent]
    if engine.requirement is None:
        folders.append(Path(seismic.__file__).parents[1])
    return os.pathsep.join(map(str, folders))
