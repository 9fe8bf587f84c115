"""A benchmark as JSON and as Markdown."""

from collections.abc import Sequence

import numpy as np
import orjson
from rich.filesize import decimal

from seismic_tools.measure.bench.engines.base import Knobs
from seismic_tools.measure.bench.fronts import seconds_at
from seismic_tools.measure.bench.results import TARGETS, EngineInfo, Measured, Results
from seismic_tools.terminal.tables import table

OURS = "ours"
NEVER = "-"
SURE = 0.9995
"""An exact answer of lower recall is one of values that the engine rounded: the table shows its recall."""


def to_json(results: Results) -> bytes:
    """All of it, indented."""
    return orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def to_markdown(results: Results) -> str:
    """Tables of time at a recall, for every depth; of the indexes; and what went wrong."""
    depths = list(dict.fromkeys(one.trial.k for one in results.measured))
    parts = [_heading(results), *(_depth(results, k) for k in depths), _indexes(results), _notes(results)]
    return "\n".join(part for part in parts if part)


def _heading(results: Results) -> str:
    options, machine, queries, shape = results.options, results.machine, results.queries, results.shape
    quick = " Quick: few settings, one build of each engine." if options.quick else ""
    return (
        f"# {results.collection}\n\n"
        f"{shape.documents:,} documents of {shape.nnz / shape.documents:.0f} components. Settings were "
        f"chosen on {queries['tune']:,} queries and measured on {queries['report']:,} others (fewer for deep "
        f"searches), on one thread, {options.repeats} times in turns. A time is the CPU time per query, which is its "
        f"latency on a quiet machine: the median over these passes of the mean over the queries. {NEVER}: not reached "
        f"by any setting that was tried.{quick}\n\n"
        f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load']:.1f} at the start; "
        f"Python {machine['python']}, {_versions(results.engines)}.\n"
    )


def _versions(engines: Sequence[EngineInfo]) -> str:
    versions = {name: version for engine in engines for name, version in engine.versions.items()}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _depth(results: Results, k: int) -> str:
    """The engines' cheapest calls side by side, and, if that is not the same for all, calls that answer one query."""
    engines = [engine for engine in results.engines if results.front(engine.name, k, next(iter(engine.calls)))]
    if not engines:
        return ""
    cheapest = {engine.name: next(iter(engine.calls)) for engine in engines}
    parts = [f"## k = {k}\n", _speeds(results, k, engines, cheapest)]
    if any(call != "one" for call in cheapest.values()):
        parts += ["Asked one query at a time, with what Python costs then:\n"]
        parts += [_speeds(results, k, engines, dict.fromkeys(cheapest, "one"))]
    return "\n".join(parts)


def _speeds(results: Results, k: int, engines: Sequence[EngineInfo], calls: dict[str, str]) -> str:
    """Microseconds per query, and how many times ours that is."""
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
        return NEVER
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
        lines.append(f"- CPU time as a share of wall time (1: one thread, and nothing else ran): {busy}.")
    return "## Notes\n\n" + "".join(f"{line}\n" for line in lines) if lines else ""
