"""Building the shards of a generation: here, or by a runner elsewhere."""

import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from seismic.builder.plan import ShardPlan
from seismic.builder.ranges import Report
from seismic.builder.resume import Checkpoint
from seismic.builder.shard import build_shard
from seismic.builder.tasks import Runner, plan_tasks, write_input
from seismic.layouts import storage_of
from seismic.params import BuildParams
from seismic.store.garbage import STAGING
from seismic.store.manifest import ShardEntry
from seismic.threads import in_order
from seismic.vectors import SparseVectors

Counted: TypeAlias = Callable[[SparseVectors], dict[str, int]]

Progress: TypeAlias = Callable[[str, int, int], None]
"""progress(stage, done, total) in documents. Called from any thread, one call at a time."""


def write_shards(
    folder: Path,
    vectors: SparseVectors,
    table: pa.Table,
    params: BuildParams,
    plan: ShardPlan,
    progress: Progress | None,
    before: Checkpoint | None = None,
    counted: Counted | None = None,
    several: bool = False,
    runner: Runner | None = None,
) -> list[ShardEntry]:
    """Build the shards of a generation into its folder, except those finished `before`, and return their entries.

    `counted` returns the number of vectors that have each field, of which there may be `several`. With a `runner`, this
    process only moves what tasks have written.
    """
    ranges = {f"shard-{number:05d}": span for number, span in enumerate(plan.ranges)}
    storage, reports = storage_of(params.layout, several_fields=several), _Progress(len(vectors), progress)

    def resumed(name: str) -> ShardEntry | None:
        entry = before.finished(name) if before else None
        if entry:
            reports.of_shard(entry.documents)("resume", 1.0)
        return entry

    def finish(entry: ShardEntry) -> ShardEntry:
        if counted:
            entry = entry.model_copy(update={"fields": counted(vectors.slice(*ranges[entry.folder]))})
        if before:
            before.finish(entry)
        return entry

    def build_here(name: str) -> ShardEntry:
        if entry := resumed(name):
            return entry
        first, last = ranges[name]
        inner, part, rows = folder / name, vectors.slice(first, last), table.slice(first, last - first)
        inner.mkdir()
        report = reports.of_shard(last - first)
        return finish(build_shard(part, rows, inner, first, params, storage, plan.threads, report))

    if runner is None:
        return list(in_order(build_here, list(ranges), plan.side_by_side))
    entries = {name: entry for name in ranges if (entry := resumed(name))}
    missing = {name: span for name, span in ranges.items() if name not in entries}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=STAGING, ignore_cleanup_errors=True) as work:
        write_input(Path(work), vectors, table)
        tasks = plan_tasks(Path(work), vectors, table, params, missing, several, runner.threads)
        for number, attempt in runner.run(tasks):
            name = tasks[number].name
            attempt.folder.rename(folder / name)
            entries[name] = finish(attempt.entry)
            reports.of_shard(attempt.entry.documents)("build", 1.0)
    return [entries[name] for name in ranges]


class _Progress:
    """Adds the shares of the shards' stages and reports them as documents."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress = total, progress
        self._done: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def of_shard(self, documents: int) -> Report:
        def report(stage: str, share: float) -> None:
            if self._progress is None:
                return
            with self._lock:
                self._done[stage] += share * documents
                self._progress(stage, min(round(self._done[stage]), self._total), self._total)

        return report
