"""Benchmarks of growing synthetic collections: the collections, and how the engines' times grow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seismic import ParameterError
from seismic_tools.measure.bench.results import TARGETS, EngineInfo, Results
from seismic_tools.measure.fronts import Point, pareto_front, seconds_at
from seismic_tools.measure.report import MISSING, Report, table
from seismic_tools.measure.synth.files import write_documents
from seismic_tools.measure.synth.recipe import fit, read_source
from seismic_tools.terminal.progress import Report as Progress

ENGINES = ("ours", "pyseismic-lsr", "sindi")
"""Engines that are compared by default: those that can be built for millions of documents."""

COMPONENTS, COPIES = 120.0, 0.04
"""Mean number of components of a document and share of near-copies, as `seismic scale` has them."""

CLOCKS = ("cpu", "wall")
"""Fields of `Timing`."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Results by size, smallest first."""

    steps: list[Results]


def sizes_of(text: str) -> list[int]:
    """Return the sizes in "1000000,2000000". Raises ParameterError."""
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise ParameterError(f"--scale: found {text!r}, expected numbers such as 1000000,2000000") from None
    if sizes[0] < 1:
        raise ParameterError(f"--scale: found {sizes[0]}, expected at least 1")
    return sizes


def collections(
    source: Path, sizes: Sequence[int], seed: int, threads: int, folder: Path, progress: Progress
) -> Iterator[Path]:
    """Yield a folder with documents.parquet for each size, in `folder`; a smaller collection is a prefix of a larger
    one. Each is removed before the next is made."""
    recipe = fit(read_source(source, folder, progress), COMPONENTS, COPIES, seed, threads, progress)
    for size in sizes:
        inner = folder / f"{size}-documents"
        inner.mkdir()
        documents = inner / "documents.parquet"
        about: dict[str, object] = {"from": source.resolve().name, "nnz_mean": COMPONENTS, "copies": COPIES}
        write_documents(
            documents, recipe.stream(0, size, threads), range(size), recipe.dimension, about | {"seed": seed}, progress
        )
        yield inner
        documents.unlink()


def report(steps: Sequence[Results]) -> Report:
    """Return the report: for each depth, microseconds of CPU and of wall time by size and recall."""
    depths = dict.fromkeys(one.trial.k for step in steps for one in step.measured)
    parts = ["# Growing synthetic collections\n", *(_depth(steps, k) for k in depths)]
    return Report(Steps(list(steps)), "\n".join(parts))


def _depth(steps: Sequence[Results], k: int) -> str:
    engines = {engine.name: engine for step in steps for engine in step.engines}
    rows = [["documents", "recall", *engines]]
    for step in steps:
        for target in (*TARGETS, None):
            cells = (_cell(step, engine, k, target) for engine in engines.values())
            rows.append([f"{step.shape.documents:,}", "exact" if target is None else f"{target:.2f}", *cells])
    return f"## k = {k}\n\nMicroseconds per query: CPU / wall time.\n\n{table(rows)}"


def _cell(results: Results, engine: EngineInfo, k: int, target: float | None) -> str:
    """Return the CPU and wall time of an engine's cheapest call at a recall; None: of exact answers."""
    times: list[float | None] = []
    call, exact = engine.cheapest, results.exact(engine.name, k, engine.cheapest)
    for clock in CLOCKS:
        if target is None:
            times.append(getattr(exact.timings[call], clock) if exact else None)
        else:
            times.append(_at(results, engine.name, k, call, clock, target))
    return " / ".join(MISSING if seconds is None else f"{seconds * 1e6:,.0f}" for seconds in times)


def _at(results: Results, engine: str, k: int, call: str, clock: str, target: float) -> float | None:
    trials = [one for one in results.measured if (one.trial.engine, one.trial.k) == (engine, k)]
    points = [Point(one.recall, getattr(one.timings[call], clock)) for one in trials]
    return seconds_at(pareto_front(points, lambda point: point), target)
