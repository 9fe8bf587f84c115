"""The memory that this process may use."""

import os
from pathlib import Path

LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Limits of a container: cgroups version 2, then version 1."""


def memory_limit() -> int:
    """Return the bytes of memory of the machine, or of the container if that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in LIMIT_FILES:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such limit
            continue
    return min(limits)
