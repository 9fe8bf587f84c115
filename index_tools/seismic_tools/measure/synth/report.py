"""A comparison as JSON, as Markdown and as a picture."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from seismic_tools.measure.synth.comparison import Comparison, Side
from seismic_tools.terminal.tables import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTHING = "-"


def to_json(comparison: Comparison) -> bytes:
    """All of it, indented."""
    return orjson.dumps(comparison, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def to_markdown(comparison: Comparison) -> str:
    """What the collection is, how it was made, and tables of statistics and of difficulty, a column per side."""
    return (
        "# A synthetic collection\n\n"
        f"**Nobody wrote these {comparison.documents:,} documents.** Each mixes the vectors of three or more documents "
        f"of {comparison.source} that are near each other, for tests of speed and size; what is relevant to a query "
        "cannot be asked of them. "
        f"Seed {comparison.seed}; {comparison.stretch:.2f} components for each that the first of the mixed documents "
        f"has; {comparison.copies:.1%} near-copies.\n\n"
        f"{_table(comparison.sides, _statistics)}\n"
        f"## How hard they are to search\n\n"
        f"{comparison.searched} queries: {comparison.queries}.\n\n"
        f"{_table([side for side in comparison.sides if side.difficulty], _difficulty)}"
    )


def _table(sides: list[Side], cells: Callable[[Side], dict[str, str]]) -> str:
    columns = [cells(side) for side in sides]
    names = list(dict.fromkeys(name for column in columns for name in column))
    return table(
        [["", *(side.name for side in sides)], *([name, *(c.get(name, NOTHING) for c in columns)] for name in names)]
    )


def _statistics(side: Side) -> dict[str, str]:
    found = side.statistics
    return {
        "documents": f"{found.documents:,}",
        "components, mean": f"{found.mean:.1f}",
        **{f"components, {share} quantile": f"{value:.0f}" for share, value in found.lengths.items()},
        **{f"documents with component of rank {rank:,}": f"{value:.3%}" for rank, value in found.frequency.items()},
        **{f"weight of a document's component {place}": f"{value:.3f}" for place, value in found.weights.items()},
        **{f"lift of pairs, {share} quantile": f"{value:.2f}" for share, value in found.lift.items()},
    }


def _difficulty(side: Side) -> dict[str, str]:
    found = side.difficulty
    if found is None:
        return {}
    return {
        **{f"blocks visited, k = {k}": f"{value:,.0f}" for k, value in found.blocks.items()},
        **{f"documents scored, k = {k}": f"{value:,.0f}" for k, value in found.documents.items()},
        **{f"recall@10, heap factor {factor}": f"{value:.3f}" for factor, value in found.recall.items()},
        **{f"cosine to nearest, {share} quantile": f"{value:.3f}" for share, value in found.neighbours.items()},
    }


def draw(comparison: Comparison, path: Path) -> None:
    """Write a picture of it; raises ImportError without matplotlib, the extra `plots`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 2)
    for side in comparison.sides:
        found = asdict(side.statistics)
        _line(axes[0, 0], side, found["frequency"], xlabel="rank of component", ylabel="share of documents")
        _line(axes[0, 1], side, found["weights"], xlabel="place in document", ylabel="mean weight")
        if side.difficulty:
            _line(axes[1, 0], side, side.difficulty.documents, xlabel="k", ylabel="documents scored")
            shares = {name.rstrip("%"): value for name, value in side.difficulty.neighbours.items()}
            _line(axes[1, 1], side, shares, xlabel="percent of documents", ylabel="cosine to nearest", linear=True)
    axes[0, 0].legend()
    figure.savefig(path, dpi=150)


def _line(axes: "Axes", side: Side, points: dict[Any, float], linear: bool = False, **labels: str) -> None:
    axes.plot([float(at) for at in points], list(points.values()), marker="o", label=side.name)
    scale = "linear" if linear else "log"
    axes.set(xscale=scale, yscale=scale, **labels)
