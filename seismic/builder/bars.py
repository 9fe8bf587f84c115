"""Bars of progress on terminals and in notebooks."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


WIDTH, INTERVAL = 30, 0.1
"""Characters of a bar, and least seconds between two of its states."""


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage that is reported on standard error, a line each."""
    current, shown = "", 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal current, shown
        now, ends = time.monotonic(), done >= total
        if stage == current and not ends and now - shown < INTERVAL:
            return
        line = "" if current in ("", stage) else "\n"
        current, shown = stage, now
        filled = WIDTH * done // max(1, total)
        sys.stderr.write(f"{line}\r{stage:>10} {'━' * filled:<{WIDTH}} {done:,} of {total:,}")
        sys.stderr.flush()

    try:
        yield report
    finally:
        if current:
            sys.stderr.write("\n")


def with_bars(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function with the keyword `progress` take True, for bars."""

    @wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs.get("progress") is not True:
            return function(*args, **kwargs)
        with bars() as report:
            kwargs["progress"] = report
            return function(*args, **kwargs)

    return shown
