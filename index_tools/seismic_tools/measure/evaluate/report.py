"""Evaluations as JSON and as Markdown."""

from collections.abc import Sequence

import orjson
from rich.filesize import decimal

from seismic_tools.measure.evaluate.results import Beside, Depth, Evaluation, Setting
from seismic_tools.terminal.tables import table


def to_json(evaluation: Evaluation) -> bytes:
    """All of it, indented; NaN becomes null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(evaluation, option=options)


def to_markdown(evaluation: Evaluation, plots: Sequence[tuple[str, str]] = ()) -> str:
    """What was measured, in sentences, and a table with a column per setting; `plots`: titles and files."""
    columns = [_cells(setting) for setting in evaluation.settings]
    rows = [
        ["", *map(_heading, evaluation.settings)],
        *([name, *(cells[name] for cells in columns)] for name in columns[0]),
    ]
    parts = [_introduction(evaluation), table(rows)]
    if evaluation.beside:
        parts.append(_beside(evaluation, evaluation.beside))
    parts += [_sizes(evaluation), _environment(evaluation)]
    pictures = [f"![{title}]({file})\n" for title, file in plots]
    return "\n".join([*parts, *pictures])


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
        lines.append(f"Built in {cost.seconds:,.1f} s, with at most {decimal(cost.peak_memory)} of memory.")
    if evaluation.missing:
        lines.append(f"{evaluation.missing:.1%} of the relevant documents are not in the collection.")
    return "\n".join(lines) + "\n"


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
    """Exact answers of both collections."""
    rows = [["", evaluation.collection, other.collection, "difference"]]
    rows.append(_compared("documents", evaluation.documents, other.documents))
    rows.append(_compared("MB on disk", evaluation.bytes / 1e6, other.bytes / 1e6))
    ours = evaluation.settings[0].effectiveness
    for measure, theirs in other.effectiveness.items():
        rows.append([measure, f"{ours[measure]:.4f}", f"{theirs:.4f}", f"{ours[measure] - theirs:+.4f}"])
    return table(rows)


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
        f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load']:.1f}; Python {machine['python']}, seismic "
        f"{machine['seismic']}; at most {decimal(evaluation.peak_memory)} of memory while searching, mapped files "
        "included.\n"
    )
