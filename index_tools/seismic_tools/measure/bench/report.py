"""The report of a benchmark: tables of time at equal recall, and pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.filesize import decimal

from seismic_tools.measure.bench.engines.base import Knobs
from seismic_tools.measure.bench.results import OURS, TARGETS, EngineInfo, Measured, Results
from seismic_tools.measure.fronts import Point, recall_picture, seconds_at
from seismic_tools.measure.machine import machine_text
from seismic_tools.measure.plots import Picture
from seismic_tools.measure.report import MISSING, Report, table

SURE = 0.9995
"""Tables show the recall of an exact answer below this: the engine rounded its values."""

RIVALS_DEPTH = 10
"""Hits per query of the picture `rivals`, which the README shows."""


def report(results: Results) -> Report:
    """Return the report of a benchmark. It depends on the results alone, so it can be made again from results.json."""
    depths = list(dict.fromkeys(one.trial.k for one in results.measured))
    parts = [_heading(results), *(_depth(results, k) for k in depths), _indexes(results), _notes(results)]
    return Report(results, "\n".join(part for part in parts if part), _pictures(results, depths))


def _pictures(results: Results, depths: Sequence[int]) -> list[Picture]:
    """A picture per depth, and `rivals` for the README."""
    where = f"{results.collection}, {results.shape.documents:,} documents"
    pictures = [
        recall_picture(f"recall-at-{k}", f"{where}, k = {k}", k, _fronts(results, k, with_call=True)) for k in depths
    ]
    if RIVALS_DEPTH in depths:
        title = f"Time at equal recall, k = {RIVALS_DEPTH}: {where}, one thread (lower is better)"
        fronts = _fronts(results, RIVALS_DEPTH, with_call=False)
        pictures.append(recall_picture("rivals", title, RIVALS_DEPTH, fronts, ".png", ".svg"))
    return pictures


def _fronts(results: Results, k: int, *, with_call: bool) -> dict[str, list[Point]]:
    """Label -> the front of an engine by its cheapest call."""
    fronts = {}
    for engine in results.engines:
        call = engine.cheapest
        label = "seismic (this project)" if engine.name == OURS else engine.requirement or engine.name
        label = f"{engine.name} ({engine.calls[call]})" if with_call else label.replace("==", " ")
        fronts[label] = [one.point(call) for one in results.front(engine.name, k, call)]
    return fronts


def _heading(results: Results) -> str:
    options, machine, queries, shape = results.options, results.machine, results.queries, results.shape
    quick = " Quick run: few settings, one build per engine." if options.quick else ""
    return (
        f"# {results.collection}\n\n"
        f"{shape.documents:,} documents with {shape.nnz / shape.documents:.0f} components on average. Settings were "
        f"chosen on {queries['tune']:,} queries and measured on {queries['report']:,} others (fewer for deep "
        f"searches), on one thread, in {options.repeats} interleaved passes. Times are microseconds of CPU per query, "
        "which is the latency on a quiet machine: the median over the passes of the mean over the queries. "
        f"{MISSING}: no setting that was tried reaches this recall.{quick}\n\n"
        f"{machine_text(machine)}; Python {machine['python']}, {_versions(results.engines)}.\n"
    )


def _versions(engines: Sequence[EngineInfo]) -> str:
    versions = {name: version for engine in engines for name, version in engine.versions.items()}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _depth(results: Results, k: int) -> str:
    """The cheapest call of every engine; then, if these differ in kind, the call that answers one query."""
    engines = [engine for engine in results.engines if results.front(engine.name, k, engine.cheapest)]
    if not engines:
        return ""
    cheapest = {engine.name: engine.cheapest for engine in engines}
    parts = [f"## k = {k}\n", _speeds(results, k, engines, cheapest)]
    if any(call != "one" for call in cheapest.values()):
        parts += ["One query per call, including the cost of the call in Python:\n"]
        parts += [_speeds(results, k, engines, dict.fromkeys(cheapest, "one"))]
    return "\n".join(parts)


def _speeds(results: Results, k: int, engines: Sequence[EngineInfo], calls: Mapping[str, str]) -> str:
    """Microseconds per query, and their ratio to ours."""
    rows = [[f"recall@{k}", *calls]]
    for target in TARGETS:
        times = {name: _at(results, name, k, call, target) for name, call in calls.items()}
        rows.append([f"{target:.2f}", *(_cell(times[name], times.get(OURS), name) for name in calls)])
    exact = {name: results.exact(name, k, call) for name, call in calls.items()}
    ours = exact.get(OURS)
    base = ours.timings[calls[OURS]].cpu if ours else None
    rows.append(["exact", *(_exact_cell(exact[name], calls[name], base, name) for name in calls)])
    rows.append(["call", *(engine.calls[calls[engine.name]] for engine in engines)])
    return table(rows)


def _at(results: Results, engine: str, k: int, call: str, target: float) -> float | None:
    return seconds_at([one.point(call) for one in results.front(engine, k, call)], target)


def _cell(seconds: float | None, ours: float | None, name: str) -> str:
    if seconds is None:
        return MISSING
    times = f" ({seconds / ours:.1f}x)" if ours and name != OURS else ""
    return f"{seconds * 1e6:,.0f}{times}"


def _exact_cell(one: Measured | None, call: str, ours: float | None, name: str) -> str:
    cell = _cell(one.timings[call].cpu if one else None, ours, name)
    return f"{cell}, recall {one.recall:.3f}" if one and one.recall < SURE else cell


def _indexes(results: Results) -> str:
    if not results.builds:
        return ""
    threads = results.options.build_threads
    used = {(one.trial.engine, one.trial.build) for one in results.measured}
    rows = [["engine", "seconds", "on disk", "measured", "build"]]
    for build in results.builds:
        measured = "yes" if (build.engine, build.number) in used else "no"
        rows.append([build.engine, f"{build.seconds:,.1f}", decimal(build.bytes), measured, _knobs(build.knobs)])
    return f"## Indexes\n\nBuilt and saved on {threads} thread{'s' if threads > 1 else ''}.\n\n{table(rows)}"


def _knobs(knobs: Knobs) -> str:
    return ", ".join(f"{name} {value}" for name, value in knobs.items()) or "defaults"


def _notes(results: Results) -> str:
    shares: dict[str, list[float]] = {}
    for one in results.measured:
        shares.setdefault(one.trial.engine, []).extend(timing.cpu / timing.wall for timing in one.timings.values())
    lines = [f"- {engine.name} failed: {problem}" for engine in results.engines for problem in engine.problems]
    if shares:
        busy = ", ".join(f"{name} {np.median(values):.2f}" for name, values in shares.items())
        lines.append(f"- CPU time divided by wall time (1: one busy thread on an idle machine): {busy}.")
    return "## Notes\n\n" + "".join(f"{line}\n" for line in lines) if lines else ""
