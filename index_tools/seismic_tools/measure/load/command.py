"""Throughput, latency and memory of a running service by number of connections."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.request import Request, urlopen

import numpy as np
import typer
import uvloop

from seismic_tools.measure.load.client import Load, Samples
from seismic_tools.measure.load.requests import address, bodies, requests
from seismic_tools.measure.machine import describe_machine
from seismic_tools.measure.report import table
from seismic_tools.measure.results import write_json
from seismic_tools.readers.queries import read_queries

COLUMNS = ("connections", "loop", "batch", "per second", "p50 ms", "p99 ms", "max ms", "CPU ms", "answers", "RSS MB")


class Usage(NamedTuple):
    """Resident megabytes and CPU seconds of a service, from its metrics; pages that processes share count in each."""

    resident: float
    cpu: float


def usage(url: str, key: str | None) -> Usage:
    """Return the current usage of a service."""
    request = Request(f"{url}/metrics", headers={"Authorization": f"Bearer {key}"} if key else {})
    with urlopen(request) as response:
        text = response.read().decode()
    resident, cpu = (total(text, f"process_{name}") for name in ("resident_memory_bytes", "cpu_seconds_total"))
    return Usage(resident / 1e6, cpu)


def total(metrics: str, name: str) -> float:
    """Return the sum of a metric over all processes of a service."""
    return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE)))


def summarise(samples: Samples, seconds: float) -> dict[str, Any]:
    """Return rate, latencies in milliseconds, and counts by status; status 0 counts broken connections."""
    taken = np.array(samples.seconds or [np.nan]) * 1000
    middle, high = np.percentile(taken, [50, 99])
    return {
        "per_second": len(samples.seconds) / seconds,
        "p50_ms": float(middle),
        "p99_ms": float(high),
        "max_ms": float(taken.max()),
        "statuses": {str(status): count for status, count in sorted(samples.statuses.items())},
    }


def main(
    url: Annotated[str, typer.Argument(help="URL of the service.")],
    collection: Annotated[str, typer.Argument(help="Collection to search.")],
    queries: Annotated[Path, typer.Argument(help="Queries, in any format that `build` reads.")],
    connections: Annotated[list[int], typer.Option(help="Concurrent connections; repeatable.")] = [1, 8, 64, 512],  # noqa: B006
    rate: Annotated[
        float | None, typer.Option(help="Requests due per second (open loop). Default: closed loop.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Duration per number of connections.")] = 10.0,
    batch: Annotated[int, typer.Option(help="Searches per request.")] = 1,
    params: Annotated[str, typer.Option(help="Other fields of a search, as JSON.")] = '{"with_payload": false}',
    every: Annotated[float | None, typer.Option(help="Seconds between samples of the memory of the service.")] = None,
    key: Annotated[str | None, typer.Option(envvar="SEISMIC_API_KEY", help="API key.")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Send searches to a service and print throughput and latency as Markdown.

    In a closed loop each connection sends its next request when it is answered.
    In an open loop requests are due at fixed times and latency counts from
    then, so that stalls of the service are visible.

    Examples:

        python -m seismic_tools.measure.load http://127.0.0.1:8000 scifact queries.parquet --connections 8
    """
    host, port = address(url)
    vectors = read_queries(queries).vectors
    whole = requests(url, collection, bodies(vectors, json.loads(params), batch), batch > 1, key)
    stream: Iterator[bytes] = itertools.cycle(whole)
    results, rows = [], [[*COLUMNS]]
    for count in connections:
        load = Load(host, port, stream, count, rate)
        before = usage(url, key)
        samples, memory = uvloop.run(_timed(load, seconds, partial(usage, url, key), every))
        after = usage(url, key)
        result = {"connections": count, "rate": rate, "batch": batch, **summarise(samples, seconds)}
        result["cpu_ms"] = (after.cpu - before.cpu) * 1000 / max(1, samples.statuses.total())
        result["rss_mb"] = after.resident
        course = [(0.0, before.resident), *memory, (seconds, after.resident)]
        result["memory"] = [{"seconds": when, "rss_mb": resident} for when, resident in course]
        results.append(result)
        statuses = ", ".join(f"{status}: {number}" for status, number in result["statuses"].items())
        numbers = (f"{result[name]:,.1f}" for name in ("per_second", "p50_ms", "p99_ms", "max_ms"))
        cpu = f"{result['cpu_ms']:.3f}"
        loop = f"{rate:g} due" if rate else "closed"
        rows.append([str(count), loop, str(batch), *numbers, cpu, statuses, f"{result['rss_mb']:,.0f}"])
    typer.echo(table(rows), nl=False)
    for result in results if every else []:
        looks = [[f"{one['seconds']:.0f}", f"{one['rss_mb']:,.1f}"] for one in result["memory"]]
        typer.echo("\n" + table([[f"seconds at {result['connections']} connections", "RSS MB"], *looks]), nl=False)
    if output:
        write_json(output, {"machine": describe_machine(), "results": results})


async def _timed(
    load: Load, seconds: float, look: Callable[[], Usage], every: float | None
) -> tuple[Samples, list[tuple[float, float]]]:
    """Run a load; return its samples, and (second, megabytes) of the memory of the service."""
    memory: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch(look, every, memory)) if every else None
    try:
        return await asyncio.wait_for(load.run(seconds), seconds + 60), memory
    finally:
        if watching:
            watching.cancel()


async def _watch(look: Callable[[], Usage], every: float, memory: list[tuple[float, float]]) -> None:
    begun = time.perf_counter()
    while True:
        await asyncio.sleep(every)
        found = await asyncio.to_thread(look)  # in a thread, because the loop sends requests
        memory.append((time.perf_counter() - begun, found.resident))
