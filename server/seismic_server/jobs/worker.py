"""The process of a job: `python -m seismic_server.jobs.worker`.

It reads one task as a line of JSON from standard input, and writes lines of JSON to standard output: `progress` from 0
to 1, at last `result` or `error`. It ends when its standard input ends: with the service, however that ends.
"""

import os
import threading
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

import seismic
from seismic import SeismicError

NICENESS = 10
"""Lower priority than searches."""

SHARES: Mapping[str, tuple[float, float]] = {
    "unpack": (0.0, 0.4),
    "order": (0.4, 0.7),
    "maxima": (0.7, 0.75),
    "prune": (0.75, 0.8),
    "summarize": (0.8, 0.95),
    "write": (0.0, 1.0),
}
"""Stage -> where its progress begins and ends. Stages that a task skips count as done."""

STEP = 0.005
"""Least progress that is reported."""


class Progress:
    """Reports the progress of a task. Called from any thread, one call at a time."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send, self._sent = send, 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report that a stage has reached done / total, if that is a step."""
        first, last = SHARES.get(stage, (0.0, 0.0))
        reached = first + (last - first) * (done / total if total else 1.0)
        if reached >= self._sent + STEP:
            self._sent = reached
            self._send({"progress": round(reached, 3)})


def compact(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Merge the changes of a collection into a new generation, if there are any."""
    published = seismic.compact(task["folder"], progress=progress, **task["options"])
    return {"generation": published.name} if published else {}


def rollback(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    """Serve another generation."""
    return {"generation": seismic.rollback(task["folder"], **task["options"])}


def snapshot(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Write a snapshot."""
    return {"bytes": seismic.create_snapshot(task["folder"], task["file"], progress=progress, **task["options"])}


def restore(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Publish a snapshot."""
    published = seismic.restore_snapshot(task["file"], task["folder"], progress=progress, **task["options"])
    return {"generation": published.name}


TASKS: Mapping[str, Callable[[Mapping[str, Any], Progress], dict[str, Any]]] = {
    "compact": compact,
    "rollback": rollback,
    "snapshot": snapshot,
    "restore": restore,
}


def main() -> None:
    """Do one task."""
    os.nice(NICENESS)
    lines = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    service = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 (a buffer's lock would block the exit)
    task = orjson.loads(service.readline())
    threading.Thread(target=_end_with_service, args=(service, task), daemon=True).start()

    def send(message: dict[str, Any]) -> None:
        lines.write(orjson.dumps(message) + b"\n")

    try:
        result = TASKS[task["kind"]](task, Progress(send))
    except SeismicError as error:
        send({"error": {"kind": type(error).__name__, "message": str(error)}})
    else:
        send({"result": result})


def _end_with_service(pipe: FileIO, task: Mapping[str, Any]) -> None:
    """End this process when the service does. What it has not published does not count."""
    while pipe.read(1):
        pass
    if task["kind"] == "snapshot":
        remove_parts(Path(task["file"]))
    os._exit(1)


def remove_parts(file: Path) -> None:
    """Remove what a killed process has written of a snapshot."""
    for part in file.parent.glob(f".{file.name}.*"):
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
