"""What this process may use of the machine: its control groups (cgroups), and the cores that they leave."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")


def usable_cores() -> int:
    """Return the number of cores that this process may use: those of its affinity, at most its cgroups' quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas())]))


def cgroup_files(controller: str, unified: str, legacy: str) -> Iterator[str]:
    """Yield the contents of a file in the process's cgroups and all that contain them.

    The file is called `unified` in version 2 and `legacy` in version 1.
    """
    try:
        lines = (PROCESS / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _upwards(CGROUPS, path, unified)
        elif controller in controllers.split(","):
            yield from _upwards(CGROUPS / controller, path, legacy)


def _quotas() -> Iterator[float]:
    """Yield the CPU quotas of the process's cgroups, in cores."""
    for text in cgroup_files("cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = text.partition(
            " "
        )  # version 1 has the period in another file, and always 100 ms in practice
        if quota.isdigit():  # not "max" or -1
            yield int(quota) / int(period or 100_000)


def _upwards(root: Path, path: str, file: str) -> Iterator[str]:
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            return
        with suppress(OSError):  # not mounted, or the root, which has no limit
            yield (folder / file).read_text().strip()
