"""Recall against time, a picture per depth."""

from pathlib import Path
from typing import TYPE_CHECKING

from seismic_tools.measure.bench.results import TARGETS, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOWEST, MARGIN = 0.8, 0.005
"""Recall below which nobody looks, and room for markers at 1."""


def draw(results: Results, folder: Path) -> list[Path]:
    """Write recall-at-K.png for every depth K; raises ImportError without matplotlib, the extra `plots`."""
    from matplotlib.figure import Figure

    paths = []
    for k in dict.fromkeys(one.trial.k for one in results.measured):
        figure = Figure(figsize=(8, 5), layout="constrained")
        _fronts(figure.subplots(), results, k)
        paths.append(folder / f"recall-at-{k}.png")
        figure.savefig(paths[-1], dpi=150)
    return paths


def _fronts(axes: "Axes", results: Results, k: int) -> None:
    for engine in results.engines:
        call = next(iter(engine.calls))
        points = [one.point(call) for one in results.front(engine.name, k, call)]
        if points and points[-1].recall >= LOWEST:
            label = f"{engine.name} ({engine.calls[call]})"
            axes.plot([p.recall for p in points], [p.seconds * 1e6 for p in points], marker="o", label=label)
    for target in TARGETS:
        axes.axvline(target, color="lightgrey", linewidth=0.8, zorder=0)
    axes.set(yscale="log", xlabel=f"recall@{k}", ylabel="CPU microseconds per query", title=results.collection)
    axes.set_xlim(LOWEST, 1 + MARGIN)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", alpha=0.3)
    if axes.lines:
        axes.legend()
