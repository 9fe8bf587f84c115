"""Room for nodes on a Ray cluster: its machines, how many replicas fit, and the wait for machines that are added."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from seismic.errors import UnavailableError

TELL_SECONDS = 10.0
"""Interval between two lines of progress."""

BUSY_SECONDS = 30.0
"""Time for CPUs to become free if the machines have enough of them."""

LISTED = 10
"""Most machines that a message lists."""

TO_DO = (
    "wait for machines that are being added (--wait SECONDS), start fewer (--replicas, --groups), or start what fits "
    "(--degraded)"
)


class Machine(NamedTuple):
    """A machine of the cluster: its address, logical CPUs, and the bytes of memory that Ray gives to workers."""

    host: str
    cpus: float
    memory: float

    def __str__(self) -> str:
        return f"{self.host} with {self.cpus:g} CPUs and {self.memory / 1e9:,.1f} GB"


class Missing(NamedTuple):
    """Machines that are missing: the whole message, and what was found.

    ``fits``: there is room for all nodes, but other programs use it.
    """

    text: str
    found: str
    fits: bool


class Need(NamedTuple):
    """What a collection takes: nodes for each of its parts, on different machines, and logical CPUs for each node."""

    name: str
    groups: int
    replicas: int
    cpus: float

    def fitting(self, machines: Sequence[Machine]) -> int:
        """Return how many replicas of every part fit, if nothing else runs.

        A machine takes one replica of a part. Parts with r replicas fit if the machines have r places for each part.
        """
        places = sum(min(self.groups, int(one.cpus / self.cpus + 1e-9)) for one in machines)
        return places // self.groups

    def missing(self, machines: Sequence[Machine], free: float, *, fits: bool) -> Missing:
        """Return what was found, what is needed, and what to do. `free`: CPUs that nothing uses."""
        listed = "; ".join(str(one) for one in machines[:LISTED])
        more = f"; and {len(machines) - LISTED} more" if len(machines) > LISTED else ""
        found = f"{_counted(len(machines), 'machine')} on Ray with {free:g} free CPUs"
        count = self.groups * self.replicas
        apart = f", the replicas of a part on {self.replicas} machines" if self.replicas > 1 else ""
        expected = f"room for {_counted(count, 'node')} of {self.cpus:g} CPU each"
        of = f"{_counted(self.replicas, 'replica')} of {_counted(self.groups, 'part')}{apart}"
        text = f"collection '{self.name}': found {found} ({listed or 'none'}{more}), expected {expected}: {of}; {TO_DO}"
        return Missing(text, f"collection '{self.name}': found {found}", fits)


def machines_of(ray: Any) -> list[Machine]:
    """Return the machines that have CPUs for nodes; heads and fronts often have none."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = [(one["NodeManagerAddress"], one["Resources"]) for one in alive]
    return sorted(Machine(host, has["CPU"], has.get("memory", 0.0)) for host, has in found if has.get("CPU"))


class Waiting:
    """Waits for machines: tells at once what is missing, whenever that changes, and every few seconds."""

    def __init__(self, seconds: float, tell: Callable[[str], None]) -> None:
        self._seconds, self._tell = seconds, tell
        self._began = time.monotonic()
        self._told, self._tell_at = "", 0.0

    def check(self, missing: Missing | None) -> bool:
        """Return whether nothing is missing. Raises UnavailableError, which says what is, once the time is over."""
        if missing is None:
            return True
        now = time.monotonic()
        seconds = max(self._seconds, BUSY_SECONDS) if missing.fits else self._seconds
        left = self._began + seconds - now
        if left <= 0:
            raise UnavailableError(missing.text)
        if missing.found != self._told or now >= self._tell_at:
            shown = missing.found if self._told else missing.text
            self._tell(f"{shown}; waiting for {left:.0f} more seconds")
            self._told, self._tell_at = missing.found, now + TELL_SECONDS
        return False


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
