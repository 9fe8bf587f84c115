"""Run the worker of a job as a process: pass it its task, follow its progress, kill it if the job is cancelled."""

import asyncio
import sys
from collections import deque
from contextlib import suppress
from typing import Any

import orjson
import structlog

from seismic import StorageError
from seismic_server.jobs.job import Job
from seismic_server.peers.channel import error_of

COMMAND = (sys.executable, "-m", "seismic_server.jobs.worker")

LAST_LINES = 20
"""Lines of a failed worker's standard error that are logged."""

log = structlog.get_logger("server")


async def run_worker(job: Job, task: dict[str, Any]) -> dict[str, Any]:
    """Run a task in a process of low priority, which returns its memory at its end, and return its result.

    Raises the error of the worker, or StorageError if the process cannot be started or was killed. A process that is
    killed loses nothing: its work counts once it is published.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:  # no memory, process or descriptor for it
        raise StorageError(f"cannot start a process for the job: {error.strerror}; try again later") from error
    said: deque[bytes] = deque(maxlen=LAST_LINES)
    listening = asyncio.create_task(_listen(process.stderr, said))
    try:
        assert process.stdin
        with suppress(ConnectionError):  # it has ended; its status says why
            process.stdin.write(orjson.dumps({"kind": job.kind, **task}) + b"\n")
            await process.stdin.drain()  # stays open: its end would end the worker
        outcome = await _follow(job, process)
        await process.wait()
        await listening
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        listening.cancel()
    if "result" in outcome:
        result: dict[str, Any] = outcome["result"]
        return result
    if "error" in outcome:
        raise error_of(**outcome["error"])
    last = b"".join(said).decode(errors="replace").strip()
    log.error("process of a job ended", job=job.id, status=process.returncode, output=last)
    status = process.returncode or 0
    ended = f"was killed by signal {-status}" if status < 0 else "failed"
    raise StorageError(f"the process of the job {ended}; nothing was lost: request it again")


async def _follow(job: Job, process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the last message of a worker; empty if it ends without one."""
    assert process.stdout
    outcome: dict[str, Any] = {}
    async for line in process.stdout:
        with suppress(orjson.JSONDecodeError):  # cut off by a kill
            outcome = orjson.loads(line)
            job.progress = outcome.get("progress", job.progress)
    return outcome


async def _listen(stream: asyncio.StreamReader | None, said: deque[bytes]) -> None:
    assert stream
    while chunk := await stream.read(1 << 12):
        said.append(chunk)
