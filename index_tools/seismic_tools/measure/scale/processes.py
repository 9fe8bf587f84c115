"""Run commands as separate processes and measure their cost."""

import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from seismic import StorageError

INTERVAL = 0.05
"""Seconds between two samples of the memory of a process."""


class Cost(NamedTuple):
    """``seconds`` of wall time, ``cpu`` seconds of all threads, and ``peak`` bytes of anonymous memory, that is without
    mapped files (None if the system does not report it)."""

    seconds: float
    cpu: float
    peak: int | None


def run(*arguments: str | Path) -> tuple[str, Cost]:
    """Run `python -m ARGUMENTS` and return its output and cost; StorageError if it fails."""
    before, began, peak = _children(), time.perf_counter(), None
    with TemporaryFile("w+") as output:
        with subprocess.Popen([sys.executable, "-m", *map(str, arguments)], stdout=output) as process:
            try:
                while process.poll() is None:
                    peak = max(filter(None, (peak, _anonymous(process.pid))), default=None)
                    time.sleep(INTERVAL)
            except BaseException:  # an interrupt
                process.kill()
                raise
        cost = Cost(time.perf_counter() - began, _children() - before, peak)
        output.seek(0)
        if process.returncode:
            raise StorageError(f"{' '.join(map(str, arguments))} ended with code {process.returncode}")
        return output.read(), cost


def _children() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _anonymous(process: int) -> int | None:
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
