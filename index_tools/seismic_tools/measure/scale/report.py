"""The report of `seismic scale`: tables by size, and a picture."""

from collections.abc import Callable
from functools import partial

from rich.filesize import decimal

from seismic_tools.measure.machine import machine_text
from seismic_tools.measure.plots import Axis, Panel, Picture, Series
from seismic_tools.measure.report import MISSING, Report, compare
from seismic_tools.measure.scale.growth import EXACT, Growth, Step

DRAWN = (0.95, EXACT)
"""Recalls of the picture."""


def report(growth: Growth) -> Report:
    """Return the report: a table of costs by size, and one of query times for every k."""
    options = growth.options
    depths = sorted({profile.k for step in growth.steps for profile in step.profiles})
    parts = [
        "# Growth\n",
        f"Synthetic documents made from {growth.source}, queries {growth.queries}; layout {options['layout']}, built "
        f"with {options['workers']} threads and a memory limit of {options['memory']}.\n",
        f"{machine_text(growth.machine)}. Peak: anonymous memory of the process, sampled every 50 ms. Microseconds: "
        "CPU time of a query on one thread, measured by `seismic tune`, at settings with a proven recall.\n",
        _by_size(growth.steps, _costs),
        *(f"## k = {k}\n\n{_by_size(growth.steps, partial(_times, k=k))}" for k in depths),
    ]
    return Report(growth, "\n".join(parts), [_picture(growth)])


def _by_size(steps: list[Step], cells: Callable[[Step], dict[str, str]]) -> str:
    return compare([(f"{step.documents:,}", cells(step)) for step in steps], corner="documents")


def _costs(step: Step) -> dict[str, str]:
    return {
        "components per document": f"{step.nnz / step.documents:.1f}",
        "shards": str(step.shards),
        "index": decimal(step.bytes),
        "bytes per document": f"{step.bytes / step.documents:,.0f}",
        "build, seconds": f"{step.build.seconds:,.0f}",
        "build, CPU seconds": f"{step.build.cpu:,.0f}",
        "build, peak": decimal(step.build.peak) if step.build.peak else MISSING,
        "open, milliseconds": f"{step.open * 1e3:,.0f}",
        "first answer, milliseconds": f"{step.first * 1e3:,.1f}",
        "tune, CPU seconds": f"{step.tune.cpu:,.0f}",
    }


def _times(step: Step, k: int) -> dict[str, str]:
    """Microseconds by recall."""
    targets = sorted({profile.target for profile in step.profiles if profile.k == k})
    names = {target: "exact" if target == EXACT else f"recall {target:.2f}" for target in targets}
    return {f"microseconds, {names[target]}": f"{step.microseconds(k, target):,.0f}" for target in targets}


def _picture(growth: Growth) -> Picture:
    keys = sorted({(profile.k, profile.target) for step in growth.steps for profile in step.profiles})
    times = [
        _line(growth, partial(Step.microseconds, k=k, target=target), f"k = {k}, {_name(target)}")
        for k, target in keys
        if target in DRAWN
    ]
    sizes = [
        _line(growth, lambda step: step.bytes / 1e9, "index"),
        _line(growth, lambda step: step.build.peak and step.build.peak / 1e9, "peak of the build"),
    ]
    builds = [_line(growth, lambda step: step.build.cpu, "build")]
    axes = (("CPU time per query, microseconds", times), ("GB", sizes), ("CPU time of the build, seconds", builds))
    panels = [Panel(Axis("documents", log=True), Axis(label, log=True), series) for label, series in axes]
    return Picture("scale", f"Growth of a collection made from {growth.source}", panels)


def _name(target: float) -> str:
    return "exact" if target == EXACT else f"recall {target:g}"


def _line(growth: Growth, value: Callable[[Step], float | None], label: str) -> Series:
    points = [(step.documents, found) for step in growth.steps if (found := value(step)) is not None]
    return Series(label, [at for at, _ in points], [found for _, found in points])
