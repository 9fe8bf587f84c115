"""Measure what the input of a build on a cluster costs its driver, beside what the tasks cost.

python docs/benchmarks/build_input.py FILE.parquet [SHARDS]: seconds of wall clock and CPU of each stage, in order. The
tasks run here one after the other on one thread; on a cluster they run at the same time.
"""

import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from seismic import BuildParams
from seismic.builder.build import plan_shards
from seismic.builder.resume import fingerprint
from seismic.builder.tasks import plan_tasks, run_task, write_input
from seismic_tools.readers.batch import BATCH_ROWS, Reading
from seismic_tools.readers.collection import read_collection
from seismic_tools.readers.spool import collect


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Print the time of a block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:44} {wall:8.2f} {cpu:8.2f}", flush=True)


def main(file: Path, shards: int = 8) -> None:
    """Measure the stages of a build of a Parquet file."""
    print(f"{'':44} {'wall, s':>8} {'CPU, s':>8}")
    with stage("decode the row groups"), pq.ParquetFile(file) as parquet:
        deque(parquet.iter_batches(BATCH_ROWS), maxlen=0)
    with stage("decode and check the documents"):
        deque(read_collection([file], Reading(None)), maxlen=0)
    with tempfile.TemporaryDirectory() as name:
        folder, params = Path(name), BuildParams()
        with stage("decode, check, spool, compare ids"):
            context = collect(read_collection([file], Reading(None)), folder / "out")
            vectors, documents = context.__enter__()
        with stage("plan the shards"):
            plan = plan_shards(vectors, params, shards, 1, None)
        with stage("hash the input, for --resume"):
            fingerprint(vectors, documents, params, plan.ranges, [])
        with stage("write the input of the tasks"):
            write_input(folder, vectors, documents)
        ranges = {f"shard-{number:05}": one for number, one in enumerate(plan.ranges)}
        with stage("hash the input of each task"):
            tasks = plan_tasks(folder, vectors, documents, params, ranges, several=False, threads=1)
        run_task(tasks[0])  # compiles kernels
        with stage(f"all {len(tasks)} tasks"):
            deque(map(run_task, tasks), maxlen=0)
        context.__exit__(None, None, None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
