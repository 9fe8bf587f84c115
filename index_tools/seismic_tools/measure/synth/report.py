"""The report of `seismic synth`: statistics and difficulty of both collections, and a picture."""

from collections.abc import Mapping
from typing import Any

from seismic_tools.measure.plots import Axis, Panel, Picture, Series
from seismic_tools.measure.report import Report, compare
from seismic_tools.measure.synth.comparison import Comparison, Side


def report(comparison: Comparison) -> Report:
    """Return the report: how the collection was made, and tables with a column per side."""
    searched = [side for side in comparison.sides if side.difficulty]
    text = (
        "# A synthetic collection\n\n"
        f"**These {comparison.documents:,} documents are synthetic.** Each mixes the vectors of three or more similar "
        f"documents of {comparison.source}. Use them to measure speed and size, not effectiveness: no document is "
        "relevant to a query. "
        f"Seed {comparison.seed}; {comparison.stretch:.2f} components per component of the first document mixed; "
        f"{comparison.copies:.1%} near-copies.\n\n"
        f"{compare([(side.name, _statistics(side)) for side in comparison.sides])}\n"
        f"## How hard they are to search\n\n"
        f"{comparison.searched} queries: {comparison.queries}.\n\n"
        f"{compare([(side.name, _difficulty(side)) for side in searched])}"
    )
    return Report(comparison, text, [_picture(comparison)])


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


def _picture(comparison: Comparison) -> Picture:
    sides = comparison.sides
    frequency = [_line(side, side.statistics.frequency) for side in sides]
    weights = [_line(side, side.statistics.weights) for side in sides]
    scored = [_line(side, side.difficulty.documents) for side in sides if side.difficulty]
    cosines = [
        _line(side, {name.rstrip("%"): value for name, value in side.difficulty.neighbours.items()})
        for side in sides
        if side.difficulty
    ]
    panels = [
        Panel(Axis("rank of component", log=True), Axis("share of documents", log=True), frequency),
        Panel(Axis("place in document", log=True), Axis("mean weight", log=True), weights),
        Panel(Axis("k", log=True), Axis("documents scored", log=True), scored),
        Panel(Axis("percent of documents"), Axis("cosine to nearest"), cosines),
    ]
    return Picture("synth", f"Synthetic documents beside {comparison.source}", panels)


def _line(side: Side, points: Mapping[Any, float]) -> Series:
    """Points above 0: logarithmic axes have no others."""
    shown = {float(at): value for at, value in points.items() if value > 0}
    return Series(side.name, list(shown), list(shown.values()))
