"""Commands run as processes of their own, and what they cost."""

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
"""Seconds between two looks at a process's memory."""


class Cost(NamedTuple):
    """``seconds`` by the clock and ``cpu`` seconds of all threads; ``peak``: the most anonymous memory seen, in bytes
    (None where the system does not tell): files that are mapped do not count."""

    seconds: float
    cpu: float
    peak: int | None


def run(*arguments: str | Path) -> tuple[str, Cost]:
    """Run `python -m ARGUMENTS`: what it prints, and its cost. Progress goes to standard error.

    StorageError if it fails.
    """
    before, began, peak = _children(), time.perf_counter(), None
    with TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "-m", *map(str, arguments)], stdout=output)
        while process.poll() is None:
            peak = max(filter(None, (peak, _anonymous(process.pid))), default=None)
            time.sleep(INTERVAL)
        cost = Cost(time.perf_counter() - began, _children() - before, peak)
        output.seek(0)
        if process.returncode:
            raise StorageError(f"{' '.join(map(str, arguments))} ended with code {process.returncode}")
        return output.read(), cost


def _children() -> float:
    """CPU seconds of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _anonymous(process: int) -> int | None:
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
