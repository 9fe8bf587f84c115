"""Throughput and latency of a service that runs, by connections; and whether its memory grows."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.request import Request, urlopen

import numpy as np
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from index_tools.load.client import Load, Samples
from index_tools.load.requests import address, bodies, requests
from index_tools.machine import describe_machine
from index_tools.queries import read_queries

COLUMNS = ("connections", "rate", "per second", "p50 ms", "p99 ms", "max ms", "CPU ms", "answers", "RSS MB")


class Usage(NamedTuple):
    """Megabytes that the service has in memory, and seconds of CPU time it has used, by its own account."""

    resident: float
    cpu: float


def usage(url: str, key: str | None) -> Usage:
    """What the service says now."""
    request = Request(f"{url}/metrics", headers={"Authorization": f"Bearer {key}"} if key else {})
    with urlopen(request) as response:
        text = response.read().decode()
    resident, cpu = (
        float(text.partition(f"\nprocess_{name} ")[2].split()[0])
        for name in ("resident_memory_bytes", "cpu_seconds_total")
    )
    return Usage(resident / 1e6, cpu)


def summarise(samples: Samples, seconds: float) -> dict[str, Any]:
    """Answers a second, milliseconds they took, and how many of each status; 0 stands for broken connections."""
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
    url: Annotated[str, typer.Argument(help="Of the service.")],
    collection: Annotated[str, typer.Argument(help="To search.")],
    queries: Annotated[Path, typer.Argument(help="File of queries, as for `seismic evaluate`.")],
    connections: Annotated[list[int], typer.Option(help="How many at once; may be repeated.")] = [1, 8, 64, 512],  # noqa: B006
    rate: Annotated[float | None, typer.Option(help="Requests due a second (open loop). Default: closed loop.")] = None,
    seconds: Annotated[float, typer.Option(help="For each number of connections.")] = 10.0,
    batch: Annotated[int, typer.Option(help="Searches in one request.")] = 1,
    params: Annotated[str, typer.Option(help="Other fields of a search, JSON.")] = '{"with_payload": false}',
    key: Annotated[str | None, typer.Option(envvar="SEISMIC_API_KEY", help="API key.")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON with the results.")] = None,
) -> None:
    """Send searches to a service, and print what came back.

    In a closed loop each connection asks again once it is answered. In an
    open loop requests are due at fixed times and their latency counts from
    then, so a service that stalls is seen to stall.

    Example:

        python -m index_tools.load http://127.0.0.1:8000 scifact queries.parquet --connections 8
    """
    host, port = address(url)
    vectors = read_queries(queries).vectors
    whole = requests(url, collection, bodies(vectors, json.loads(params), batch), batch > 1, key)
    stream: Iterator[bytes] = itertools.cycle(whole)
    results, table = [], Table(*COLUMNS, box=None)
    for count in connections:
        load = Load(host, port, stream, count, rate)
        before = usage(url, key)
        samples = uvloop.run(_timed(load, seconds))
        after = usage(url, key)
        result = {"connections": count, "rate": rate, "batch": batch, **summarise(samples, seconds)}
        result["cpu_ms"] = (after.cpu - before.cpu) * 1000 / max(1, samples.statuses.total())
        result["rss_mb"] = after.resident
        results.append(result)
        statuses = ", ".join(f"{status}: {number}" for status, number in result["statuses"].items())
        numbers = (f"{result[name]:,.1f}" for name in ("per_second", "p50_ms", "p99_ms", "max_ms"))
        cpu = f"{result['cpu_ms']:.3f}"
        table.add_row(str(count), f"{rate or 'closed'}", *numbers, cpu, statuses, f"{result['rss_mb']:,.0f}")
    Console(width=120).print(table)
    if output:
        output.write_text(json.dumps({"machine": describe_machine(), "results": results}, indent=2))


async def _timed(load: Load, seconds: float) -> Samples:
    return await asyncio.wait_for(load.run(seconds), seconds + 60)


if __name__ == "__main__":
    typer.run(main)
