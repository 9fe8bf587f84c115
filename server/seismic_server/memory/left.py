"""Limits on the memory of this process: of the machine, of its container (cgroup), and of `ulimit`."""

import os
import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Left(NamedTuple):
    """Bytes that are left of the tightest limit, and that limit."""

    bytes: int
    limit: int


def memory_left() -> Left:
    """Return what is left of the limit that is reached first. It is never below 0."""
    try:
        size, resident, shared, _, _, data, *_ = (PAGE * int(one) for one in (PROCESS / "statm").read_text().split())
    except OSError:  # not Linux
        size = resident = shared = data = 0
    limits = [(physical_limit(), resident - shared)]  # files in the page cache can be dropped
    limits += [
        (soft, used)
        for kind, used in ((resource.RLIMIT_AS, size), (resource.RLIMIT_DATA, data))
        if (soft := resource.getrlimit(kind)[0]) != resource.RLIM_INFINITY
    ]
    return min(Left(max(0, limit - used), limit) for limit, used in limits)


@cache
def physical_limit() -> int:
    """Return the smaller of the machine's memory and its container's limit."""
    return min([PAGE * os.sysconf("SC_PHYS_PAGES"), *_of_cgroups()])


def _of_cgroups() -> Iterator[int]:
    """Yield the limits of the process's cgroups and of all that contain them, in version 1 and 2."""
    try:
        lines = (PROCESS / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _upwards(CGROUPS, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _upwards(CGROUPS / "memory", path, "memory.limit_in_bytes")


def _upwards(root: Path, path: str, file: str) -> Iterator[int]:
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        try:
            text = (folder / file).read_text().strip()
        except OSError:  # not mounted, or the root, which has no limit
            continue
        if text.isdigit():  # not "max"
            yield int(text)
