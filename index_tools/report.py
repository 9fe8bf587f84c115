"""Evaluations as JSON and as Markdown."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson
from rich.filesize import decimal

from index_tools.metrics import Latency


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What one plan found and cost. ``latency`` in microseconds; ``documents_scored`` per query; ``effectiveness``:
    measure -> mean over the judged queries; ``profile``: what a recall asked for has chosen."""

    plan: str
    params: dict[str, Any]
    profile: dict[str, Any] | None
    recall: float
    effectiveness: dict[str, float]
    latency: Latency
    queries_per_second: float
    documents_scored: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Plans side by side on the same queries, and what they ran on."""

    collection: str
    generation: str
    documents: int
    bytes: int
    queries: int
    judged: int
    k: int
    threads: int
    plans: list[PlanResult]
    environment: dict[str, Any]


def to_json(evaluation: Evaluation) -> bytes:
    """All of it, indented; NaN becomes null."""
    return orjson.dumps(evaluation, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def to_markdown(evaluation: Evaluation) -> str:
    """A sentence and a table with a column per plan."""
    columns = [_cells(result, evaluation) for result in evaluation.plans]
    rows = [
        ["", *map(_heading, evaluation.plans)],
        *([name, *(cells[name] for cells in columns)] for name in columns[0]),
    ]
    judged = f" ({evaluation.judged:,} of them judged)" if evaluation.judged else ""
    return (
        f"# {evaluation.collection}, generation {evaluation.generation}\n\n"
        f"{evaluation.documents:,} documents, {decimal(evaluation.bytes)} on disk, "
        f"{evaluation.queries:,} queries{judged}.\n\n{table(rows)}"
    )


def _cells(result: PlanResult, evaluation: Evaluation) -> dict[str, str]:
    threads = "1 thread" if evaluation.threads == 1 else f"{evaluation.threads} threads"
    return {
        f"recall@{evaluation.k} against exact": f"{result.recall:.4f}",
        **{measure: f"{value:.4f}" for measure, value in result.effectiveness.items()},
        **{f"latency {name}, us": f"{value:,.0f}" for name, value in asdict(result.latency).items()},
        f"queries per second, {threads}": f"{result.queries_per_second:,.0f}",
        "documents scored per query": f"{result.documents_scored:,.0f}",
    }


def _heading(result: PlanResult) -> str:
    knobs = [f"{name} {value}" for name, value in result.params.items() if name != "plan" and value is not None]
    return ", ".join([result.plan, *knobs])


def table(rows: list[list[str]]) -> str:
    """A Markdown table, padded so that it reads as text too."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [rows[0], rule, *rows[1:]]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
