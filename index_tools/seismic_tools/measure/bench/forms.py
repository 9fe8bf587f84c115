"""Time each form of the kernel `dot` in nanoseconds per document.

Run `python -m seismic_tools.measure.bench.forms COLLECTION`.

Each form runs in a separate process and scores the same cached documents, forms interleaved. On CPUs with more features
than a form needs, Numba also compiles it for fewer features.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

import seismic
from seismic import SparseVectors
from seismic.kernels import cpu
from seismic.kernels.jit import jit
from seismic.kernels.score import QueryTable, dot, load_query, unload_query
from seismic_tools.measure.results import write_json

LENGTHS = (85, 119)
"""Components per document: passages encoded by two SPLADE models."""

READ, QUERIES, PER_QUERY, REPEATS = 50_000, 32, 64, 20
"""Documents to choose from; queries; documents scored per query; repetitions."""

SSE = "+sse2,+sse3,+ssse3"
AVX2 = f"{SSE},+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+bmi,+bmi2,+lzcnt,+fma"
TARGETS = {"AVX2 only": ("haswell", AVX2), "SSSE3 only": ("x86-64", SSE)}
"""Targets for Numba on x86 CPUs with AVX-512: name -> NUMBA_CPU_NAME, NUMBA_CPU_FEATURES."""


class Work(NamedTuple):
    """Queries with PER_QUERY documents each, in the form that `dot` takes.

    ``indptr`` int64 [queries + 1], ``terms`` uint32 and ``values`` float32 [query components]; ``components`` uint16
    and ``codes`` uint8 [queries x PER_QUERY x length].
    """

    length: int
    indptr: npt.NDArray[np.int64]
    terms: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]
    components: npt.NDArray[np.uint16]
    codes: npt.NDArray[np.uint8]


@jit
def score_all(work: Any, table: QueryTable, repeats: int) -> float:
    """Score the documents of every query `repeats` times and return the sum of all scores."""
    components, codes, weights, signature = work.components, work.codes, table.weights, table.signature
    total, length = np.float64(0), work.length
    for _ in range(repeats):
        for query in range(len(work.indptr) - 1):
            terms = work.terms[work.indptr[query] : work.indptr[query + 1]]
            load_query(table, terms, work.values[work.indptr[query] : work.indptr[query + 1]])
            first = query * PER_QUERY * length
            for start in range(first, first + PER_QUERY * length, length):
                total += dot(components, codes, start, start + length, weights, signature)
            unload_query(table, terms)
    return total


def prepare(vectors: SparseVectors, queries: SparseVectors, length: int) -> Work:
    """Return the best documents of each query, each reduced to `length` random components.

    A search scores such documents, and they are too many for the branch predictor of a CPU to memorise.
    """
    rng = np.random.default_rng(length)
    rows = np.flatnonzero(np.diff(vectors.indptr) >= length)
    if len(rows) < PER_QUERY:
        raise seismic.InputError(f"{len(rows)} documents have {length} components, expected {PER_QUERY} or more")
    weights, chosen = np.zeros(vectors.dimension, np.float32), []
    for query in range(len(queries)):
        terms, values = queries[query]
        weights[terms] = values
        scores = np.add.reduceat(weights[vectors.components] * vectors.values, vectors.indptr[:-1])[rows]
        weights[terms] = 0
        for row in rows[np.argsort(-scores, kind="stable")[:PER_QUERY]]:
            chosen.append(np.sort(rng.choice(vectors[row][0], length, replace=False)))
    components = np.concatenate(chosen).astype(np.uint16)
    codes = rng.integers(1, 256, len(components), np.uint8)
    for array in (components, codes):
        array.flags.writeable = False  # like memory-mapped arrays, which Numba gives another type
    return Work(length, queries.indptr, queries.components.astype(np.uint32), queries.values, components, codes)


def serve(folder: Path) -> None:
    """Run a worker: read a length per line, answer with nanoseconds per document and the sum of all scores."""
    vectors, queries = (read(folder / f"{name}.parquet", n) for name, n in (("documents", READ), ("queries", QUERIES)))
    works = {length: prepare(vectors, queries, length) for length in LENGTHS}
    table = QueryTable(np.zeros(1 << 16, np.float32), np.zeros(128, np.uint8))
    for line in sys.stdin:
        work = works[int(line)]
        total = score_all(work, table, 1)
        begun = time.thread_time()
        score_all(work, table, REPEATS)
        seconds = time.thread_time() - begun
        print(json.dumps([seconds / (REPEATS * PER_QUERY * len(queries)) * 1e9, total]), flush=True)


def read(path: Path, rows: int) -> SparseVectors:
    """Read the first `rows` vectors of a file."""
    return SparseVectors.from_arrow(pq.read_table(path, columns=["indices", "values"]).slice(0, rows))


def cases() -> dict[str, dict[str, str]]:
    """Return the cases for this machine: name -> environment."""
    found: dict[str, dict[str, str]] = {form: {"SEISMIC_SIMD": form} for form in cpu.runnable()}
    if "avx512" in found:
        for name, (cpu_name, features) in TARGETS.items():
            target = {"NUMBA_CPU_NAME": cpu_name, "NUMBA_CPU_FEATURES": features}
            found |= {f"{form}, {name}": {"SEISMIC_SIMD": form, **target} for form in ("shuffle", "portable")}
    return found


def ask(worker: "subprocess.Popen[str]", length: int) -> tuple[float, float]:
    """Return the nanoseconds and the sum of one pass of a worker."""
    assert worker.stdin
    assert worker.stdout
    print(length, file=worker.stdin, flush=True)
    nanoseconds, total = json.loads(worker.stdout.readline())
    return nanoseconds, total


def measure(folder: Path, passes: int) -> dict[str, dict[int, list[float]]]:
    """Return case -> length -> nanoseconds per document of each pass, with cases interleaved."""
    times: dict[str, dict[int, list[float]]] = {}
    command = [sys.executable, "-m", "seismic_tools.measure.bench.forms", str(folder), "--worker"]
    with ExitStack() as stack:
        workers = {}
        for name, environment in cases().items():
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
            )
            workers[name] = stack.enter_context(process)
        for _ in range(passes):
            for length in LENGTHS:
                totals = []
                for name, worker in workers.items():
                    nanoseconds, total = ask(worker, length)
                    times.setdefault(name, {}).setdefault(length, []).append(nanoseconds)
                    totals.append(total)
                np.testing.assert_allclose(totals, totals[0], rtol=1e-5, err_msg=f"forms disagree: {list(workers)}")
    return times


def main(
    collection: Annotated[Path, typer.Argument(help="Folder with documents.parquet and queries.parquet.")],
    passes: Annotated[int, typer.Option(min=1, help="Passes over all forms; the fastest one counts.")] = 9,
    output: Annotated[Path | None, typer.Option(help="JSON file for the times of all passes.")] = None,
    worker: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Time each form of the scoring kernel that this CPU can run.

    Examples:

        python -m seismic_tools.measure.bench.forms tests/data/scifact
    """
    if worker:
        serve(collection)
        return
    times = measure(collection, passes)
    table = Table(*["form", *(f"{length} components" for length in LENGTHS)], title="ns per document")
    for name, by_length in times.items():
        table.add_row(name, *(f"{min(by_length[length]):.1f}" for length in LENGTHS))
    Console().print(table)
    if output:
        write_json(output, times)


if __name__ == "__main__":
    typer.run(main)
