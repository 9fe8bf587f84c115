"""Pictures of measurements, described as data and drawn with matplotlib, the extra `plots`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as Ruler

PANEL_SIZE = (7.5, 4.5)
"""Inches of a picture with one panel."""

STEPS = (1, 2, 5, 10)
"""Ticks of a logarithmic axis within a decade."""

LONG = 1e6
"""Largest tick from which labels are in thousands (k) and millions (M), so that they do not run into each other."""

WIDE = 3.0
"""Decades from which a logarithmic axis has one tick per decade."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Label and scale of an axis, and its limits and ticks unless the data decides them."""

    label: str
    log: bool = False
    limits: tuple[float, float] | None = None
    ticks: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """Points with one label. `stairs` has one more x, the edges of its steps; `bars` has names for x."""

    label: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float]
    style: Literal["line", "points", "stairs", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    x: Axis
    y: Axis
    series: Sequence[Series]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of one or more panels beside each other, saved once per suffix."""

    name: str
    title: str
    panels: Sequence[Panel]
    suffixes: Sequence[str] = (".png",)


def shows_something(picture: Picture) -> bool:
    """Return whether a picture has more to show than one value: bars, steps, or points at two heights at least."""
    return any(_shows_something(panel) for panel in picture.panels)


def _shows_something(panel: Panel) -> bool:
    filled = any(series.style in ("bars", "stairs") and series.y for series in panel.series)
    return filled or len({y for series in panel.series for y in series.y}) > 1


def draw(picture: Picture, folder: Path) -> str:
    """Write a picture and return the name of its last file; ImportError without matplotlib."""
    from matplotlib.figure import Figure

    count = len(picture.panels)
    width, height = PANEL_SIZE
    figure = Figure(figsize=(width if count == 1 else 4.5 * count, height), layout="constrained")
    figure.suptitle(picture.title)
    for axes, panel in zip(figure.subplots(1, count, squeeze=False)[0], picture.panels, strict=True):
        _paint(axes, panel)
    for suffix in picture.suffixes:
        figure.savefig(folder / f"{picture.name}{suffix}", dpi=150)
    return f"{picture.name}{picture.suffixes[-1]}"


def _paint(axes: "Axes", panel: Panel) -> None:
    for series in panel.series:
        _plot(axes, series)
    axes.set(xlabel=panel.x.label, ylabel=panel.y.label, title=panel.title)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    _scale(axes, "x", panel.x)
    _scale(axes, "y", panel.y)
    if len(panel.series) > 1:  # below the axes, where it hides no data
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=min(3, len(panel.series)), frameon=False)


def _plot(axes: "Axes", series: Series) -> None:
    x: Any = list(series.x)
    if series.style == "bars":
        axes.barh(x, list(series.y), label=series.label)
    elif series.style == "stairs":
        axes.stairs(list(series.y), x, fill=True, label=series.label)
    elif series.style == "points":
        axes.scatter(x, list(series.y), s=8, alpha=0.3, linewidths=0, label=series.label)
    else:
        axes.plot(x, list(series.y), marker="o", label=series.label)


def _scale(axes: "Axes", name: Literal["x", "y"], axis: Axis) -> None:
    """Set the limits of an axis; write out the ticks of a logarithmic one: 10, 20, 50, 100."""
    from matplotlib.ticker import FixedLocator, NullLocator

    ruler: Ruler = getattr(axes, f"{name}axis")
    limits, ticks = axis.limits, axis.ticks
    if axis.log:
        low, high = limits or ruler.get_data_interval()
        ticks = log_ticks(low, high)
        limits = (min(low * 0.95, ticks[0]), max(high * 1.05, ticks[-1]))
        getattr(axes, f"set_{name}scale")("log")
    if ticks:
        ruler.set_major_locator(FixedLocator(ticks))
        ruler.set_minor_locator(NullLocator())
        digits = 0 if axis.log else max(_decimals(tick) for tick in ticks)
        largest = max(ticks)
        ruler.set_major_formatter(lambda value, _: _written(value, digits, largest))
    if limits:
        getattr(axes, f"set_{name}lim")(*limits)


def _written(value: float, digits: int, largest: float) -> str:
    """Return the label of a tick: with `digits` decimals, or in thousands and millions where all of it is long."""
    if digits:
        return f"{value:,.{digits}f}"
    if largest >= LONG and value >= 1000:
        return f"{value / 1e6:,.10g} M" if value >= 1e6 else f"{value / 1e3:,.10g} k"
    return f"{value:,.10g}"


def _decimals(value: float) -> int:
    """Return the number of decimals that write a tick in full."""
    return len(f"{value:.10g}".partition(".")[2])


def log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks from the last one at or below `low` to the first one at or above `high`."""
    if not 0 < low <= high < math.inf:
        return [1.0, 10.0]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1,) if last - first > WIDE else STEPS[:-1]
    ladder = [step * 10.0**power for power in range(first, last + 1) for step in steps]
    begin = max(at for at, tick in enumerate(ladder) if tick <= low * (1 + 1e-9))
    end = next(at for at, tick in enumerate(ladder) if tick >= high * (1 - 1e-9))
    return ladder[begin : max(end, begin + 1) + 1]
