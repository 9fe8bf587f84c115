"""An evaluation in pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seismic_tools.measure.bench.fronts import Point, pareto_front
from seismic_tools.measure.evaluate.results import Evaluation
from seismic_tools.measure.evaluate.rivals import Fronts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOWEST, MARGIN = 0.8, 0.005
"""Recall below which nobody looks, and room for markers at 1."""

GROUPS = 10
"""Groups of queries of similar length."""


def draw(evaluation: Evaluation, rivals: Fronts, folder: Path) -> list[tuple[str, str]]:
    """Write the pictures into a folder; their titles and file names. ImportError without matplotlib, the extra
    `plots`."""
    from matplotlib.figure import Figure

    k = evaluation.settings[0].depths[0].k
    pictures: dict[str, tuple[str, Callable[[Axes], None]]] = {
        "latency.png": (f"Latency, {k} hits", lambda axes: _latency(axes, evaluation)),
        "sizes.png": ("Size on disk", lambda axes: _sizes(axes, evaluation)),
        "blocks.png": (f"Blocks visited, {k} hits", lambda axes: _blocks(axes, evaluation)),
    }
    for depth in dict.fromkeys(point.k for point in evaluation.curve):
        title = f"Recall against time, {depth} hits"
        pictures[f"recall-at-{depth}.png"] = (title, _recall_against_time(evaluation, rivals, depth))
    for file, (title, paint) in pictures.items():
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        axes.set_title(f"{evaluation.collection}: {title}")
        paint(axes)
        figure.savefig(folder / file, dpi=150)
    return [(title, file) for file, (title, _) in pictures.items()]


def _recall_against_time(evaluation: Evaluation, rivals: Fronts, k: int) -> "Callable[[Axes], None]":
    def paint(axes: "Axes") -> None:
        ours = [Point(one.recall, one.microseconds / 1e6) for one in evaluation.curve if one.k == k]
        fronts = {"this engine": pareto_front(ours, lambda point: point), **rivals.get(k, {})}
        for name, front in fronts.items():
            seen = [point for point in front if point.recall >= LOWEST]
            axes.plot([p.recall for p in seen], [p.seconds * 1e6 for p in seen], marker="o", label=name)
        axes.set(yscale="log", xlabel=f"recall@{k}", ylabel="CPU microseconds per query, in a batch")
        axes.set_xlim(LOWEST, 1 + MARGIN)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", alpha=0.3)
        axes.legend()

    return paint


def _latency(axes: "Axes", evaluation: Evaluation) -> None:
    times = np.array([sample.microseconds for sample in evaluation.samples])
    edges = np.geomspace(max(times.min(), 1e-3), max(times.max(), times.min() * 1.001, 2e-3), 50)
    axes.hist(times, bins=edges.tolist())
    axes.set(xscale="log", xlabel="microseconds", ylabel="queries")
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _sizes(axes: "Axes", evaluation: Evaluation) -> None:
    names = list(evaluation.sizes)[::-1]
    axes.barh(names, [evaluation.sizes[name] / 1e6 for name in names])
    axes.set(xlabel="MB")


def _blocks(axes: "Axes", evaluation: Evaluation) -> None:
    """Every query, and medians of queries of similar length."""
    components = np.array([sample.components for sample in evaluation.samples])
    blocks = np.array([sample.blocks_visited for sample in evaluation.samples])
    axes.scatter(components, blocks, s=8, alpha=0.3, linewidths=0)
    groups = np.array_split(np.argsort(components, kind="stable"), min(GROUPS, len(components)))
    middles = [(float(np.median(components[group])), float(np.median(blocks[group]))) for group in groups]
    axes.plot([x for x, _ in middles], [y for _, y in middles], color="black", marker="o", label="median of a tenth")
    axes.set(xlabel="components of the query", ylabel="blocks visited")
    axes.legend()
