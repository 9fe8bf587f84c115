"""Pareto fronts of recall against time, and interpolation between their points."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from seismic_tools.measure.plots import Axis, Panel, Picture, Series

T = TypeVar("T")

LOWEST, MARGIN = 0.8, 0.005
"""Lowest recall that pictures show, and room for markers at 1."""


class Point(NamedTuple):
    """Recall, 0 to 1, and seconds per query."""

    recall: float
    seconds: float


def pareto_front(items: Iterable[T], point: Callable[[T], Point]) -> list[T]:
    """Return the items that no other one beats, by ascending recall and time."""
    front: list[T] = []
    for item in sorted(items, key=lambda item: (-point(item).recall, point(item).seconds)):
        if not front or point(item).seconds < point(front[-1]).seconds:
            front.append(item)
    return front[::-1]


def seconds_at(front: Sequence[Point], recall: float) -> float | None:
    """Return the seconds per query at a recall on a front of ascending recall; None beyond its end.

    Between two points the logarithm of the time is linear in recall. Below the first point its time holds, because that
    setting reaches the recall too.
    """
    for at, (found, seconds) in enumerate(front):
        if found >= recall:
            if at == 0 or found == recall:
                return seconds
            below = front[at - 1]
            share = (recall - below.recall) / (found - below.recall)
            return math.exp((1 - share) * math.log(below.seconds) + share * math.log(seconds))
    return None


def around(front: Sequence[T], point: Callable[[T], Point], targets: Iterable[float]) -> list[T]:
    """Return the ends of a front and, for each target, the item below it and the two from it upwards.

    Two, because the first may miss the target on other queries.
    """
    keep = {0, len(front) - 1}
    for target in targets:
        reached = sum(point(item).recall < target for item in front)
        keep.update((reached - 1, reached, reached + 1))
    return [item for at, item in enumerate(front) if at in keep]


def recall_picture(name: str, title: str, k: int, fronts: Mapping[str, Sequence[Point]], *suffixes: str) -> Picture:
    """Return the picture of CPU time against recall, a line per front that reaches LOWEST."""
    series = []
    for label, front in fronts.items():
        seen = [point for point in front if point.recall >= LOWEST]
        if seen:
            series.append(Series(label, [p.recall for p in seen], [p.seconds * 1e6 for p in seen]))
    x = Axis(f"recall@{k}", limits=(LOWEST, 1 + MARGIN), ticks=(0.8, 0.85, 0.9, 0.95, 1.0))
    y = Axis("CPU time per query, microseconds", log=True)
    return Picture(name, title, [Panel(x, y, series)], suffixes or (".png",))
