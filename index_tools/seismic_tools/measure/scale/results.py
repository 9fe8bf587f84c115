"""What growing costs: as JSON, as Markdown and as a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.filesize import decimal

from seismic import Profile
from seismic_tools.measure.scale.processes import Cost
from seismic_tools.terminal.tables import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXACT = 1.0
"""The target of exact answers."""

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Step:
    """One size. ``bytes`` of the index; ``build`` and ``tune``: what they cost; seconds until it is ``open``, and until
    the ``first`` answer after that; ``profiles``: what `tune` found."""

    documents: int
    nnz: int
    shards: int
    bytes: int
    build: Cost
    tune: Cost
    open: float
    first: float
    profiles: list[Profile]

    def microseconds(self, k: int, target: float) -> float | None:
        """CPU time of a query at a recall, exact ones at EXACT."""
        return next((one.microseconds for one in self.profiles if (one.k, one.target) == (k, target)), None)


@dataclass(frozen=True, slots=True)
class Growth:
    """All sizes, and what they were measured with."""

    source: str
    queries: str
    machine: dict[str, Any]
    options: dict[str, Any]
    steps: list[Step]


def to_json(growth: Growth) -> bytes:
    """All of it, indented."""
    return orjson.dumps(growth, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _plain(value: Any) -> Any:
    """Profiles and costs as JSON knows them."""
    return value.model_dump() if isinstance(value, Profile) else value._asdict()


def to_markdown(growth: Growth) -> str:
    """A table of sizes and costs, and one of times for every k."""
    machine, options = growth.machine, growth.options
    depths = sorted({profile.k for step in growth.steps for profile in step.profiles})
    return "\n".join(
        [
            "# Growth\n",
            f"Synthetic documents made of {growth.source}, queries {growth.queries}; layout {options['layout']}, built "
            f"by {options['workers']} threads within {options['memory']}.\n",
            f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load']:.1f} at the start. Peak: anonymous "
            "memory of the process, looked at every 50 ms. Microseconds: CPU time of a query on one thread, by "
            "`seismic tune`, at settings whose recall it has proven.\n",
            _by_size(growth.steps, _costs),
            *(f"## k = {k}\n\n{_by_size(growth.steps, partial(_times, k=k))}" for k in depths),
        ]
    )


def _by_size(steps: list[Step], cells: Callable[[Step], dict[str, str]]) -> str:
    columns = [cells(step) for step in steps]
    names = list(dict.fromkeys(name for column in columns for name in column))
    heading = ["documents", *(f"{step.documents:,}" for step in steps)]
    return table([heading, *([name, *(column.get(name, NOTHING) for column in columns)] for name in names)])


def _costs(step: Step) -> dict[str, str]:
    return {
        "components of a document": f"{step.nnz / step.documents:.1f}",
        "shards": str(step.shards),
        "index": decimal(step.bytes),
        "bytes a document": f"{step.bytes / step.documents:,.0f}",
        "build, seconds": f"{step.build.seconds:,.0f}",
        "build, CPU seconds": f"{step.build.cpu:,.0f}",
        "build, peak": decimal(step.build.peak) if step.build.peak else NOTHING,
        "open, milliseconds": f"{step.open * 1e3:,.0f}",
        "first answer, milliseconds": f"{step.first * 1e3:,.1f}",
        "tune, CPU seconds": f"{step.tune.cpu:,.0f}",
    }


def _times(step: Step, k: int) -> dict[str, str]:
    """Microseconds by recall."""
    targets = sorted({profile.target for profile in step.profiles if profile.k == k})
    names = {target: "exact" if target == EXACT else f"recall {target:.2f}" for target in targets}
    return {f"microseconds, {names[target]}": f"{step.microseconds(k, target):,.0f}" for target in targets}


def draw(growth: Growth, path: Path) -> None:
    """Write a picture of it; raises ImportError without matplotlib, the extra `plots`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    times, sizes, builds = figure.subplots(1, 3)
    keys = sorted({(profile.k, profile.target) for step in growth.steps for profile in step.profiles})
    for k, target in keys:
        if target in (0.95, EXACT):
            name = f"k = {k}, {'exact' if target == EXACT else target}"
            _line(times, growth, partial(Step.microseconds, k=k, target=target), name)
    _line(sizes, growth, lambda step: step.bytes / 1e9, "index, GB")
    _line(sizes, growth, lambda step: step.build.peak and step.build.peak / 1e9, "peak of the build, GB")
    _line(builds, growth, lambda step: step.build.cpu, "build, CPU seconds")
    times.set_ylabel("CPU microseconds per query")
    for axes in (times, sizes, builds):
        axes.set(xscale="log", yscale="log", xlabel="documents")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def _line(axes: "Axes", growth: Growth, value: Callable[[Step], float | None], name: str) -> None:
    points = [(step.documents, found) for step in growth.steps if (found := value(step)) is not None]
    axes.plot([at for at, _ in points], [found for _, found in points], marker="o", label=name)
