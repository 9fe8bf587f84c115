"""Pareto fronts of recall against time, and what lies between their points."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Point(NamedTuple):
    """Recall, 0 to 1, and seconds per query."""

    recall: float
    seconds: float


def pareto_front(items: Iterable[T], point: Callable[[T], Point]) -> list[T]:
    """Those that no other beats, by ascending recall: each is slower than the one before it, and finds more."""
    front: list[T] = []
    for item in sorted(items, key=lambda item: (-point(item).recall, point(item).seconds)):
        if not front or point(item).seconds < point(front[-1]).seconds:
            front.append(item)
    return front[::-1]


def seconds_at(front: Sequence[Point], recall: float) -> float | None:
    """Seconds per query at that recall on a front of ascending recall; None beyond its end.

    Between two points the logarithm of the time is linear in recall. Below the first point its time holds: it finds
    more than was asked for.
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
    """The items of a front that matter at the targets: one below each, two from it upwards, and the ends.

    Two, for on other queries the first may fall short of the target.
    """
    keep = {0, len(front) - 1}
    for target in targets:
        reached = sum(point(item).recall < target for item in front)
        keep.update((reached - 1, reached, reached + 1))
    return [item for at, item in enumerate(front) if at in keep]
