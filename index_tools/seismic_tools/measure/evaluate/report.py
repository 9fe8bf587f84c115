"""The report of an evaluation: settings side by side, sizes, and pictures."""

from collections.abc import Sequence

import numpy as np
from rich.filesize import decimal

from seismic_tools.measure.evaluate.results import Beside, Compared, Depth, Evaluation, Setting
from seismic_tools.measure.fronts import Point, pareto_front, recall_picture
from seismic_tools.measure.machine import machine_text
from seismic_tools.measure.plots import Axis, Panel, Picture, Series
from seismic_tools.measure.report import Report, compare, table

Fronts = dict[int, dict[str, list[Point]]]
"""Depth -> engine -> its front, in seconds per query."""

GROUPS = 10
"""Groups of queries of similar length."""

NAMED = 10
"""Missing queries that are named."""

BINS = 50
"""Steps of a histogram."""


def report(evaluation: Evaluation, rivals: Fronts) -> Report:
    """Return the report of an evaluation; `rivals`: fronts to show beside its own."""
    columns = [(_heading(setting), _cells(setting)) for setting in evaluation.settings]
    parts = [_introduction(evaluation), compare(columns)]
    if evaluation.beside:
        parts.append(_beside(evaluation, evaluation.beside))
    if evaluation.compared:
        parts.append(_compared_runs(evaluation.compared))
    parts += [_sizes(evaluation), _environment(evaluation)]
    return Report(evaluation, "\n".join(parts), _pictures(evaluation, rivals))


def _introduction(evaluation: Evaluation) -> str:
    judged = f" ({evaluation.judged:,} of them judged)" if evaluation.judged else ""
    of_dataset = f" of {evaluation.dataset}" if evaluation.dataset else ""
    lines = [
        f"# {evaluation.collection}, generation {evaluation.generation}\n",
        f"{evaluation.documents:,} documents, {decimal(evaluation.bytes)} on disk (layout {evaluation.layout}), "
        f"{evaluation.queries:,} queries{of_dataset}{judged}.",
    ]
    if evaluation.build:
        cost = evaluation.build
        lines.append(f"Built in {cost.seconds:,.1f} s, with a peak memory of {decimal(cost.peak_memory)}.")
    if evaluation.unsearched:
        count = len(evaluation.unsearched)
        lines.append(f"Judged queries without a query, not averaged: {count:,} ({_some(evaluation)}).")
    if evaluation.missing:
        lines.append(f"{evaluation.missing:.1%} of the relevant documents are not in the collection.")
    return "\n".join(lines) + "\n"


def _some(evaluation: Evaluation) -> str:
    """The first ids of judged queries without a query."""
    ids = evaluation.unsearched
    return ", ".join(ids[:NAMED]) + (", ..." if len(ids) > NAMED else "")


def _cells(setting: Setting) -> dict[str, str]:
    cells = {f"recall@{depth.k} against exact": f"{depth.recall:.4f}" for depth in setting.depths}
    cells |= {measure: f"{value:.4f}" for measure, value in setting.effectiveness.items()}
    for depth in setting.depths:
        cells |= _costs(depth)
    for threads, rate in setting.queries_per_second.items():
        cells[f"queries per second, {threads} thread{'s' if threads > 1 else ''}"] = f"{rate:,.0f}"
    return cells


def _costs(depth: Depth) -> dict[str, str]:
    at, latency = f"{depth.k} hits", depth.latency
    return {
        f"{at}: latency p50 / p95 / p99, us": f"{latency.p50:,.0f} / {latency.p95:,.0f} / {latency.p99:,.0f}",
        f"{at}: latency mean, us": f"{latency.mean:,.0f}",
        f"{at}: documents scored": f"{depth.documents_scored:,.0f}",
    }


def _heading(setting: Setting) -> str:
    knobs = [f"{name} {value}" for name, value in setting.params.items() if name != "plan" and value is not None]
    return ", ".join([setting.depths[0].plan, *knobs])


def _beside(evaluation: Evaluation, other: Beside) -> str:
    """Sizes of both collections."""
    rows = [["", evaluation.collection, other.collection, "difference"]]
    rows.append(_compared("documents", evaluation.documents, other.documents))
    rows.append(_compared("MB on disk", evaluation.bytes / 1e6, other.bytes / 1e6))
    return table(rows)


def _compared_runs(compared: Sequence[Compared]) -> str:
    """Effectiveness of all runs, with their differences from the first and the p-values of these."""
    first, columns = compared[0], []
    for one in compared:
        cells = {}
        for measure, value in one.effectiveness.items():
            cells[measure] = f"{value:.4f}"
            if measure in one.p_values:
                chance = f"p {one.p_values[measure]:.3f}" if one.p_values[measure] >= 0.001 else "p < 0.001"
                cells[measure] += f" ({value - first.effectiveness[measure]:+.4f}, {chance})"
        columns.append((one.name, cells))
    return compare(columns)


def _compared(name: str, ours: float, theirs: float) -> list[str]:
    return [name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs - 1:+.1%}" if theirs else ""]


def _sizes(evaluation: Evaluation) -> str:
    rows = [["file", "on disk", "share", "bytes per document"]]
    for name, size in evaluation.sizes.items():
        share, each = size / (evaluation.bytes or 1), size / (evaluation.documents or 1)
        rows.append([name, decimal(size), f"{share:.1%}", f"{each:,.1f}"])
    return table(rows)


def _environment(evaluation: Evaluation) -> str:
    machine = evaluation.environment
    return (
        f"{machine_text(machine)}; Python {machine['python']}, seismic {machine['seismic']}; peak memory "
        f"{decimal(evaluation.peak_memory)} while searching, including mapped files.\n"
    )


def _pictures(evaluation: Evaluation, rivals: Fronts) -> list[Picture]:
    k = evaluation.settings[0].depths[0].k
    pictures = [
        _picture(evaluation, "latency", f"Latency, {k} hits", _latency(evaluation)),
        _picture(evaluation, "sizes", "Size on disk", _size_bars(evaluation)),
        _picture(evaluation, "blocks", f"Blocks visited, {k} hits", _blocks(evaluation)),
    ]
    for depth in dict.fromkeys(point.k for point in evaluation.curve):
        ours = [Point(one.recall, one.microseconds / 1e6) for one in evaluation.curve if one.k == depth]
        fronts = {"this engine": pareto_front(ours, lambda point: point), **rivals.get(depth, {})}
        title = f"{evaluation.collection}: Recall against time, {depth} hits"
        pictures.append(recall_picture(f"recall-at-{depth}", title, depth, fronts))
    return pictures


def _picture(evaluation: Evaluation, name: str, title: str, panel: Panel) -> Picture:
    return Picture(name, f"{evaluation.collection}: {title}", [panel])


def _latency(evaluation: Evaluation) -> Panel:
    times = np.array([sample.microseconds for sample in evaluation.samples])
    lowest = max(float(times.min()), 1e-3)
    counts, edges = np.histogram(times, np.geomspace(lowest, max(float(times.max()), lowest * 1.01), BINS + 1))
    stairs = Series("", edges.tolist(), counts.tolist(), "stairs")
    return Panel(Axis("microseconds", log=True), Axis("queries"), [stairs])


def _size_bars(evaluation: Evaluation) -> Panel:
    names = list(evaluation.sizes)[::-1]
    bars = Series("", names, [evaluation.sizes[name] / 1e6 for name in names], "bars")
    return Panel(Axis("MB"), Axis(""), [bars])


def _blocks(evaluation: Evaluation) -> Panel:
    """Every query, and medians of groups of similar length."""
    components = np.array([sample.components for sample in evaluation.samples])
    blocks = np.array([sample.blocks_visited for sample in evaluation.samples])
    groups = np.array_split(np.argsort(components, kind="stable"), min(GROUPS, len(components)))
    medians = [(float(np.median(components[group])), float(np.median(blocks[group]))) for group in groups]
    series = [
        Series("query", components.tolist(), blocks.tolist(), "points"),
        Series("median of a tenth of the queries", [x for x, _ in medians], [y for _, y in medians]),
    ]
    return Panel(Axis("components of the query"), Axis("blocks visited"), series)
