"""The stages of a benchmark: install, build, sweep, choose, measure.

An engine that fails is noted and skipped in later stages; the others continue.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic_tools.measure.bench.collection import Collection, Half, Ordering, order_documents
from seismic_tools.measure.bench.engines import load_engine
from seismic_tools.measure.bench.engines.base import Engine, Setting
from seismic_tools.measure.bench.environments import InstallError, python_of
from seismic_tools.measure.bench.processes import Process, WorkerError
from seismic_tools.measure.bench.results import TARGETS, Build, EngineInfo, Measured, Swept, Timing, Trial
from seismic_tools.measure.bench.schedule import interleave
from seismic_tools.measure.fronts import around, pareto_front
from seismic_tools.measure.metrics import recall
from seismic_tools.terminal.progress import Report

PATIENCE = 20.0
"""Total seconds of measured passes after which a trial is not repeated."""

Task: TypeAlias = tuple[Trial, str]
"""A trial and the call that is timed."""

Processes: TypeAlias = Mapping[tuple[str, int], Process]
"""(Engine, number of the build) -> its worker."""


class Bench:
    """Engines by name, in the order of all stages. Indexes are built in `folder`."""

    def __init__(self, collection: Collection, names: Sequence[str], folder: Path, quick: bool, report: Report) -> None:
        self.collection, self.folder, self.quick, self.report = collection, folder, quick, report
        self.engines: dict[str, Engine] = {name: load_engine(name) for name in names}
        self.infos = {name: EngineInfo(name, one.requirement, one.calls) for name, one in self.engines.items()}
        self.pythons: dict[str, str] = {}
        self.builds: list[Build] = []
        self.ordering: Ordering | None = None

    def install(self, environments: Path) -> None:
        """Find or create the environment of every engine."""
        for done, (name, engine) in enumerate(self.engines.items()):
            self.report("install", done, len(self.engines))
            with self._noting(name):
                self.pythons[name] = python_of(engine, environments)
        self.report("install", len(self.engines), len(self.engines))

    def build(self, threads: int) -> None:
        """Build all indexes of all engines, one after another."""
        tasks = [
            (name, number, knobs)
            for name in self.pythons
            for number, knobs in enumerate(self.engines[name].builds(self.collection.shape, self.quick))
        ]
        for done, (name, number, knobs) in enumerate(tasks):
            self.report("build", done, len(tasks))
            vectors, before = self._documents(name, threads)
            folder = self._index(name, number)
            folder.mkdir(parents=True)
            with self._noting(name), self._process(name, threads) as process:
                self.infos[name].versions.update(process.call("versions"))
                built = process.call("build", vectors=vectors, folder=str(folder), knobs=knobs, threads=threads)
                self.builds.append(Build(name, number, knobs, built["seconds"] + before, built["bytes"]))
        self.report("build", len(tasks), len(tasks))

    def sweep(self) -> list[Swept]:
        """Run every setting on every index with the queries of `tune`."""
        swept: list[Swept] = []
        for done, build in enumerate(self.builds):
            self.report("sweep", done, len(self.builds))
            with self._noting(build.engine), self._opened(build) as process:
                trials = list(self._trials(build))
                self._try(trials[0], process)  # warms up
                swept.extend(self._try(trial, process) for trial in trials)
        self.report("sweep", len(self.builds), len(self.builds))
        return swept

    def measure(self, trials: Sequence[Trial], repeats: int) -> list[Measured]:
        """Time every call of the trials with the queries of `report`, engines interleaved, one thread per process."""
        with ExitStack() as stack:
            processes: dict[tuple[str, int], Process] = {}
            wanted = {(trial.engine, trial.build) for trial in trials}
            for build in self.builds:
                if (build.engine, build.number) in wanted:
                    with self._noting(build.engine):
                        processes[build.engine, build.number] = stack.enter_context(self._opened(build))
            depths = dict.fromkeys(trial.k for trial in trials)
            at_depth = [[trial for trial in trials if trial.k == k] for k in depths]
            return [one for some in at_depth for one in self._measure(some, processes, repeats)]

    def _measure(self, trials: Sequence[Trial], processes: Processes, repeats: int) -> list[Measured]:
        """Measure the trials of one depth."""
        groups: dict[str, list[Task]] = defaultdict(list)
        for trial in trials:
            groups[trial.engine] += [(trial, call) for call in self.engines[trial.engine].calls]
        found: dict[Trial, npt.NDArray[np.int64]] = {}
        passes: dict[Task, list[tuple[list[float], float]]] = defaultdict(list)
        stage, total = f"measure@{trials[0].k}", repeats * sum(map(len, groups.values()))

        def run(task: Task) -> float:
            trial, call = task
            self.report(stage, sum(map(len, passes.values())), total)
            try:
                answer = self._search(processes[trial.engine, trial.build], trial, "report", call)
            except WorkerError as error:
                self._note(trial.engine, error)
                return math.inf
            found.setdefault(trial, self._numbers(trial, answer["numbers"]))
            passes[task].append((answer["seconds"], answer["cpu"]))
            return float(np.mean(answer["seconds"])) * len(answer["numbers"])

        interleave(list(groups.values()), repeats, PATIENCE, run)
        self.report(stage, total, total)
        return [
            Measured(
                trial,
                len(found[trial]),
                recall(found[trial], self.collection.truth["report", trial.k]),
                {call: Timing.of(*zip(*passes[trial, call], strict=True)) for call in self.engines[trial.engine].calls},
            )
            for trial in trials
            if all(passes[trial, call] for call in self.engines[trial.engine].calls)
        ]

    def _try(self, trial: Trial, process: Process) -> Swept:
        answer = self._search(process, trial, "tune", next(iter(self.engines[trial.engine].calls)))
        found, truth = self._numbers(trial, answer["numbers"]), self.collection.truth["tune", trial.k]
        return Swept(trial, recall(found, truth), answer["cpu"])

    def _trials(self, build: Build) -> Iterator[Trial]:
        for k in dict.fromkeys(k for _, k in self.collection.truth):
            settings: list[Setting] = self.engines[build.engine].settings(build.knobs, k, self.quick)
            for knobs, exact in settings:
                yield Trial(build.engine, build.number, k, knobs, exact)

    def _search(self, process: Process, trial: Trial, half: Half, call: str) -> Any:
        count = len(self.collection.truth[half, trial.k])
        return process.call("search", queries=half, count=count, k=trial.k, knobs=trial.knobs, call=call)

    def _numbers(self, trial: Trial, found: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
        """Return the document numbers of an engine as int64 [queries, k], padded with -1."""
        numbers = np.array([[*row, *[-1] * (trial.k - len(row))] for row in found], np.int64)
        if self.engines[trial.engine].ordered and self.ordering:
            return np.where(numbers >= 0, self.ordering.numbers[numbers], -1)
        return numbers

    def _documents(self, name: str, threads: int) -> tuple[str, float]:
        """Return the name of the vectors for an engine, and the seconds spent on ordering them."""
        if not self.engines[name].ordered:
            return "documents", 0.0
        if self.ordering is None:
            self.ordering = order_documents(self.collection.folder, self.collection.shape, threads)
        return "ordered", self.ordering.seconds

    def _index(self, name: str, number: int) -> Path:
        return self.folder / f"{name}-{number}"

    def _process(self, name: str, threads: int) -> Process:
        return Process(self.engines[name], self.pythons[name], self.collection.folder, threads)

    @contextmanager
    def _opened(self, build: Build) -> Iterator[Process]:
        with self._process(build.engine, 1) as process:
            process.call("open", folder=str(self._index(build.engine, build.number)), knobs=build.knobs)
            yield process

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Note the failure of an engine and continue."""
        try:
            yield
        except (InstallError, WorkerError) as error:
            self._note(name, error)

    def _note(self, name: str, error: Exception) -> None:
        if str(error) not in self.infos[name].problems:
            self.infos[name].problems.append(str(error))


def choose(swept: Sequence[Swept]) -> list[Trial]:
    """Return, per engine and depth, the trials around the targets on its front and its fastest exact trial."""
    groups: dict[tuple[str, int], list[Swept]] = defaultdict(list)
    for one in swept:
        groups[one.trial.engine, one.trial.k].append(one)
    chosen: dict[Trial, None] = {}
    for group in groups.values():
        front = pareto_front(group, lambda one: one.point)
        exact = sorted((one for one in group if one.trial.exact), key=lambda one: one.cpu)
        for one in [*around(front, lambda one: one.point, TARGETS), *exact[:1]]:
            chosen[one.trial] = None
    return list(chosen)
