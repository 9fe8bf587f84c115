"""Results of a benchmark, as results.json holds them. Times are in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seismic_tools.measure.bench.collection import Half
from seismic_tools.measure.bench.engines.base import Knobs, Shape
from seismic_tools.measure.fronts import Point, pareto_front

TARGETS = (0.90, 0.95, 0.97, 0.99)
"""Recalls at which engines are compared."""

OURS = "ours"
"""Name of this project's engine."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine: the package pip installed, the calls that are timed, cheapest first, and its failures."""

    name: str
    requirement: str | None
    calls: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def cheapest(self) -> str:
        """The call that tables compare."""
        return next(iter(self.calls))


@dataclass(frozen=True, slots=True)
class Build:
    """An index: seconds to build and save it, and its bytes on disk. ``number`` counts the builds of an engine."""

    engine: str
    number: int
    knobs: Knobs
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A setting of one build, searched for k hits. Compared by identity, so that it can be a key."""

    engine: str
    build: int
    k: int
    knobs: Knobs
    exact: bool


@dataclass(frozen=True, slots=True)
class Swept:
    """A trial on the queries that settings are chosen on, by the engine's cheapest call; ``cpu`` as in `Timing`."""

    trial: Trial
    recall: float
    cpu: float

    @property
    def point(self) -> Point:
        """The trial as a point of a front."""
        return Point(self.recall, self.cpu)


@dataclass(frozen=True, slots=True)
class Timing:
    """One call of one trial: medians over the passes of its mean seconds per query.

    ``cpu`` counts all threads of the process and equals ``wall`` for one thread with a processor to itself.
    Comparisons use it, because other work on the machine disturbs it less. ``percentiles`` (50, 95, 99) are of the wall
    time of single queries; None for calls that answer a batch.
    """

    cpu: float
    wall: float
    cpu_passes: list[float]
    wall_passes: list[float]
    percentiles: dict[str, float] | None

    @classmethod
    def of(cls, walls: Sequence[Sequence[float]], cpus: Sequence[float]) -> "Timing":
        """Return the timing of some passes: wall times of all queries (or of a batch their mean), and CPU time."""
        means = [float(np.mean(times)) for times in walls]
        single = np.concatenate(walls) if len(walls[0]) > 1 else None
        percentiles = None if single is None else {f"p{p}": float(np.percentile(single, p)) for p in (50, 95, 99)}
        return cls(float(np.median(cpus)), float(np.median(means)), list(cpus), means, percentiles)


@dataclass(frozen=True, slots=True)
class Measured:
    """A chosen trial on the other queries, timed by every call of its engine."""

    trial: Trial
    queries: int
    recall: float
    timings: dict[str, Timing]

    def point(self, call: str) -> Point:
        """Return the trial as a point of a front."""
        return Point(self.recall, self.timings[call].cpu)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command."""

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
    """A benchmark. ``machine``: where it ran; ``queries``: how many each half has."""

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
        """Return the front of an engine by one of its calls, over all its builds."""
        trials = [one for one in self.measured if (one.trial.engine, one.trial.k) == (engine, k)]
        return pareto_front(trials, lambda one: one.point(call))

    def exact(self, engine: str, k: int, call: str) -> Measured | None:
        """Return the fastest trial of an engine that promises exact answers."""
        of_engine = [one for one in self.measured if (one.trial.engine, one.trial.k) == (engine, k)]
        exact = [one for one in of_engine if one.trial.exact]
        return min(exact, key=lambda one: one.timings[call].cpu, default=None)

    def rival_fronts(self) -> dict[int, dict[str, list[Point]]]:
        """Return depth -> engine -> its front by the cheapest call, for every engine except this project's."""
        depths = dict.fromkeys(one.trial.k for one in self.measured)
        rivals = [engine for engine in self.engines if engine.name != OURS]
        fronts: dict[int, dict[str, list[Point]]] = {k: {} for k in depths}
        for k in depths:
            for engine in rivals:
                if front := self.front(engine.name, k, engine.cheapest):
                    fronts[k][engine.name] = [one.point(engine.cheapest) for one in front]
        return fronts
