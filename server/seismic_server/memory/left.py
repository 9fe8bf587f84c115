"""Limits on the memory of the service: of the machine, of its container (cgroup), and of `ulimit`."""

import os
import resource
from functools import cache
from typing import NamedTuple

from seismic_server import machine

PAGE = os.sysconf("SC_PAGE_SIZE")


class Left(NamedTuple):
    """Bytes that are left of the tightest limit, and that limit."""

    bytes: int
    limit: int


class _Sizes(NamedTuple):
    """Bytes of this process, as in /proc/self/statm."""

    size: int
    resident: int
    shared: int
    data: int


def memory_left(of_others: int = 0) -> Left:
    """Return what is left of the limit that is reached first. It is never below 0.

    `of_others`: private bytes of the other server processes, which share the machine and its container.
    """
    sizes = _sizes()
    limits = [(physical_limit(), private_bytes() + of_others)]
    limits += [
        (soft, used)
        for kind, used in ((resource.RLIMIT_AS, sizes.size), (resource.RLIMIT_DATA, sizes.data))
        if (soft := resource.getrlimit(kind)[0]) != resource.RLIM_INFINITY
    ]
    return min(Left(max(0, limit - used), limit) for limit, used in limits)


def private_bytes() -> int:
    """Return the memory of this process without mapped files, whose pages the kernel can drop."""
    sizes = _sizes()
    return sizes.resident - sizes.shared


def _sizes() -> _Sizes:
    try:
        size, resident, shared, _, _, data, *_ = (machine.PROCESS / "statm").read_text().split()
    except OSError:  # not Linux
        return _Sizes(0, 0, 0, 0)
    return _Sizes(*(PAGE * int(one) for one in (size, resident, shared, data)))


@cache
def physical_limit() -> int:
    """Return the smaller of the machine's memory and its container's limit."""
    limits = machine.cgroup_files("memory", "memory.max", "memory.limit_in_bytes")
    return min([PAGE * os.sysconf("SC_PHYS_PAGES"), *(int(text) for text in limits if text.isdigit())])  # not "max"
