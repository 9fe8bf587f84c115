"""Open files: raise the limit of the process, and divide it between connections and files."""

import os
import resource
from pathlib import Path
from typing import NamedTuple

import structlog

FOR_FILES = 128
"""Descriptors kept for files of collections and keys, subprocesses and connections for probes."""

LONGEST_BACKLOG = 2048
"""Most connections that may wait to be accepted."""

MOST_FILES = 1 << 20
"""Descriptors that are enough; a limit beyond that costs memory in the kernel."""

log = structlog.get_logger("server")


class Capacity(NamedTuple):
    """Connections that may be open, those that may wait to be accepted, and the limit on open files."""

    connections: int
    backlog: int
    open_files: int

    def log(self, max_connections: int, **about: int) -> None:
        """Log the limits, those of each process if there are several, and warn if they are below the setting."""
        log.info("limits", open_files=self.open_files, max_connections=self.connections, **about)
        if self.connections < max_connections:
            log.warning(
                "max_connections exceeds the limit on open files", set_to=max_connections, fix="raise ulimit -n"
            )


def raise_open_files() -> int:
    """Raise the soft limit on open files to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft


def capacity(max_connections: int) -> Capacity:
    """Return the connections that the limit on open files permits, at most `max_connections`. Raises that limit.

    Connections that give way are closed only after the accepted ones are open, so there is room for both.
    """
    open_files, limit = _open_files(), raise_open_files()
    room = max(3, limit - open_files - FOR_FILES)
    backlog = min(LONGEST_BACKLOG, room // 3)
    return Capacity(min(max_connections, room - backlog), backlog, limit)


def _open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        if Path(folder).is_dir():
            return len(os.listdir(folder))
    return 0
