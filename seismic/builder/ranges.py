"""Ranges into which a step of a build is cut.

They do not depend on the number of threads nor on each other, so the bytes are the same at any number of threads.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.threads import even_ranges, in_order

Report = Callable[[str, float], None]
"""report(stage, share): a further share of a stage is done."""

RANGES = 64
"""Ranges in a step."""


def run_even(task: Callable[[tuple[int, int]], Any], count: int, threads: int) -> None:
    """Run task((first, last)) for equal ranges of 0 .. count - 1."""
    for _ in in_order(task, even_ranges(count, RANGES), threads):
        pass


def ranges_by_work(work: npt.NDArray[np.int64], most: int) -> list[tuple[int, int]]:
    """Return consecutive ranges of at most `most` work each, except single items with more."""
    ranges, first, total = [], 0, 0
    for item, cost in enumerate(work.tolist()):
        if total + cost > most and item > first:
            ranges.append((first, item))
            first, total = item, 0
        total += cost
    return [*ranges, (first, len(work))] if len(work) > first else ranges
