"""What a benchmark finds: all of it goes into results.json. Times are in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seismic_tools.measure.bench.collection import Half
from seismic_tools.measure.bench.engines.base import Knobs, Shape
from seismic_tools.measure.bench.fronts import Point, pareto_front

TARGETS = (0.90, 0.95, 0.97, 0.99)
"""Recalls at which engines are compared."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine: what pip installed, what is timed of it, and what went wrong, if anything did."""

    name: str
    requirement: str | None
    calls: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Build:
    """An index: how long it took to build and save, and its bytes on disk. ``number`` counts an engine's builds."""

    engine: str
    number: int
    knobs: Knobs
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A setting of one build, searched for k hits. Equal to itself only, so that it can be a key."""

    engine: str
    build: int
    k: int
    knobs: Knobs
    exact: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """A trial on the queries on which settings are chosen, by the engine's first call; ``cpu`` as in `Timing`."""

    trial: Trial
    recall: float
    cpu: float

    @property
    def point(self) -> Point:
        """For fronts."""
        return Point(self.recall, self.cpu)


@dataclass(frozen=True, slots=True)
class Timing:
    """One call of one trial: medians over the passes of its mean seconds per query.

    ``cpu``: of the process, all its threads; on one thread that had a processor to itself, it is ``wall``. Comparisons
    use it, for other work on the machine disturbs it less. ``percentiles`` (50, 95, 99) of the wall time of single
    queries, where the call answers one.
    """

    cpu: float
    wall: float
    cpu_passes: list[float]
    wall_passes: list[float]
    percentiles: dict[str, float] | None

    @classmethod
    def of(cls, walls: Sequence[Sequence[float]], cpus: Sequence[float]) -> "Timing":
        """From the wall times of every pass, of all its queries or of a batch their mean alone, and its CPU time."""
        means = [float(np.mean(times)) for times in walls]
        single = np.concatenate(walls) if len(walls[0]) > 1 else None
        percentiles = None if single is None else {f"p{p}": float(np.percentile(single, p)) for p in (50, 95, 99)}
        return cls(float(np.median(cpus)), float(np.median(means)), list(cpus), means, percentiles)


@dataclass(frozen=True, slots=True)
class Measured:
    """A chosen trial on the other queries, timed by every call that the engine has."""

    trial: Trial
    queries: int
    recall: float
    timings: dict[str, Timing]

    def point(self, call: str) -> Point:
        """For fronts."""
        return Point(self.recall, self.timings[call].cpu)


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark was called."""

    engines: list[str]
    depths: list[int]
    queries: str | None
    queries_limit: int | None
    quick: bool
    repeats: int
    seed: int
    build_threads: int


@dataclass(frozen=True, slots=True)
class Results:
    """A benchmark. ``machine``: what it ran on; ``queries``: how many of either half."""

    collection: str
    shape: Shape
    queries: dict[Half, int]
    options: Options
    machine: dict[str, Any]
    engines: list[EngineInfo]
    builds: list[Build]
    measured: list[Measured]
    swept: list[Swept]

    def front(self, engine: str, k: int, call: str) -> list[Measured]:
        """An engine's front by one of its calls, over all its builds."""
        trials = [one for one in self.measured if (one.trial.engine, one.trial.k) == (engine, k)]
        return pareto_front(trials, lambda one: one.point(call))

    def exact(self, engine: str, k: int, call: str) -> Measured | None:
        """An engine's fastest trial that it promises to be exact."""
        of_engine = [one for one in self.measured if (one.trial.engine, one.trial.k) == (engine, k)]
        exact = [one for one in of_engine if one.trial.exact]
        return min(exact, key=lambda one: one.timings[call].cpu, default=None)
