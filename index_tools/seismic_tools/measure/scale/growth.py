"""Results of `seismic scale`: the cost of each size of a collection."""

from dataclasses import dataclass
from typing import Any

from seismic import Profile
from seismic_tools.measure.scale.processes import Cost

EXACT = 1.0
"""Recall of exact answers."""


@dataclass(frozen=True, slots=True)
class Step:
    """One size. ``bytes``: size of the index; ``build`` and ``tune``: their costs; ``open``: seconds until the index is
    open; ``first``: seconds from then to the first answer; ``profiles``: what `tune` found."""

    documents: int
    nnz: int
    shards: int
    bytes: int
    build: Cost
    tune: Cost
    open: float
    first: float
    profiles: list[Profile]

    def microseconds(self, k: int, target: float) -> float | None:
        """Return the CPU time of a query at a recall; EXACT for exact answers."""
        return next((one.microseconds for one in self.profiles if (one.k, one.target) == (k, target)), None)


@dataclass(frozen=True, slots=True)
class Growth:
    """All sizes, and the inputs, machine and options they were measured with."""

    source: str
    queries: str
    machine: dict[str, Any]
    options: dict[str, Any]
    steps: list[Step]
