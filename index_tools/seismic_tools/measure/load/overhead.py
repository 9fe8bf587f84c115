"""Overhead of the service over the engine: the same queries by both, interleaved, over one connection."""

import itertools
import statistics
import time
from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic import Index, ParameterError, SparseVectors
from seismic_tools.measure.load.caller import Caller
from seismic_tools.measure.load.requests import address, bodies, requests
from seismic_tools.measure.machine import describe_machine
from seismic_tools.measure.report import table
from seismic_tools.measure.results import write_json
from seismic_tools.readers.queries import read_queries

COLUMNS = ("engine_ms", "service_ms", "added_ms", "share")
"""Medians, their difference, and the remaining share of the throughput of the engine."""


def compare(
    caller: Caller, index: Index, whole: list[bytes], parts: list[SparseVectors], k: int, seconds: float
) -> dict[str, float]:
    """Return median milliseconds of requests and of the same searches by the engine, interleaved; the first of each
    does not count."""
    taken, ends = [], time.perf_counter() + seconds
    for request, part in itertools.cycle(zip(whole, parts, strict=True)):
        began = time.perf_counter()
        if len(part) == 1:
            index.search(part, k)
        else:
            index.search_batch(part, k)
        between = time.perf_counter()
        caller.ask(request)
        done = time.perf_counter()
        taken.append((between - began, done - between))
        if done > ends and len(taken) > 1:
            break
    engine, service = (1000 * statistics.median(times) for times in zip(*taken[1:], strict=True))
    return {"engine_ms": engine, "service_ms": service, "added_ms": service - engine, "share": engine / service}


def main(
    url: Annotated[str, typer.Argument(help="URL of the service.")],
    collection: Annotated[Path, typer.Argument(help="Folder of a collection that the service serves.")],
    queries: Annotated[Path, typer.Argument(help="Queries, in any format that `build` reads.")],
    batch: Annotated[list[int], typer.Option(help="Searches per request; repeatable.")] = [1, 256],  # noqa: B006
    k: Annotated[int, typer.Option("-k", help="Number of hits.")] = 10,
    seconds: Annotated[float, typer.Option(help="Duration per size of a batch.")] = 10.0,
    key: Annotated[str | None, typer.Option(envvar="SEISMIC_API_KEY", help="API key.")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Run the same searches in a service and in this process, and compare their times.

    Requests for exact answers without payload are sent one after another over
    one connection. A batch is compared with `Index.search_batch` on one thread.

    Examples:

        python -m seismic_tools.measure.load.overhead http://127.0.0.1:8000 collections/scifact queries.parquet
    """
    vectors, rows, results = read_queries(queries).vectors, [["batch", *COLUMNS]], []
    host, port = address(url)
    with seismic.open(collection) as index:
        index.warm_up()
        for size in batch:
            parts = [vectors.slice(at, at + size) for at in range(0, len(vectors) - size + 1, size)]
            if not parts:
                raise ParameterError(f"--batch is {size}, but {queries} has {len(vectors)} queries")
            params = {"limit": k, "params": {"plan": "exact"}, "with_payload": False}
            whole = [requests(url, index.name, bodies(part, params, size), size > 1, key)[0] for part in parts]
            with Caller(host, port, timeout=60) as caller:
                result = {"batch": size, "k": k, **compare(caller, index, whole, parts, k, seconds)}
            results.append(result)
            rows.append([str(size), *(f"{result[name]:.3f}" for name in COLUMNS)])
    typer.echo(table(rows), nl=False)
    if output:
        write_json(output, {"machine": describe_machine(), "results": results})


if __name__ == "__main__":
    typer.run(main)
