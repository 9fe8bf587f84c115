"""Progress of long operations: bars on a terminal, otherwise JSON lines on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

Report: TypeAlias = Callable[[str, int, int | None], None]
"""report(stage, done, total), with None for an unknown total; called from any thread, one call at a time."""

INTERVAL = 1.0
"""Minimum seconds between two JSON lines of a stage."""


@contextmanager
def progress() -> Iterator[Report]:
    """Show the reported stages for the duration of the context."""
    if not sys.stderr.isatty():
        yield _JsonLines()
        return
    columns = TextColumn("{task.description:>10}"), BarColumn(), _Done(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


class _Done(TaskProgressColumn):
    """Percentage, or count and rate of stages with an unknown total."""

    def render(self, task: Task) -> Text:
        """Return the text of one stage."""
        if task.total is not None:
            return super().render(task)
        return Text(f"{task.completed:,.0f}, {task.completed / (task.elapsed or 1):.1f}/s")


class _JsonLines:
    """Print {"stage": "read", "done": 1, "total": 2, "seconds": 0.5} every INTERVAL and at the end of a stage."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.shown: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if (total is None or done < total) and now - self.shown.get(stage, self.began) < INTERVAL:
            return
        self.shown[stage] = now
        line = {"stage": stage, "done": done, "total": total, "seconds": round(now - self.began, 3)}
        print(orjson.dumps(line).decode(), file=sys.stderr, flush=True)
