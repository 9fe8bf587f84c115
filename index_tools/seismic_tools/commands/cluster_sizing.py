"""`seismic cluster plan` and `simulate`: how many nodes a collection needs, and what searches would take."""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from seismic import ParameterError
from seismic.cluster.plan import Demand, plan_cluster
from seismic.conversion.sizes import parse_bytes
from seismic_tools.measure.demand import search_times
from seismic_tools.measure.simulate import HEDGES, Simulated, read_times, table
from seismic_tools.readers.query_vectors import read_vectors
from seismic_tools.terminal.options import finite, with_params
from seismic_tools.terminal.sanitize import json_text

WIDTH = 200
"""Columns of tables at most: a narrow terminal wraps a line, but no address is cut."""

Collection = Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; sizes are in bytes.")]


def plan(
    collection: Collection,
    memory: Annotated[str, typer.Option(help="Memory of a node, such as 16GB.")],
    replicas: Annotated[int, typer.Option(min=1, help="Nodes with the same part, at least.")] = 2,
    rate: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="Searches per second.", show_default=False)
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores of a node, for --rate.")] = 1,
    p99: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            callback=finite,
            help="Milliseconds that 99 of 100 searches may take in a node.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries to time, in any format that `build` reads.", show_default="made of documents"),
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Hits per query that is timed.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Say how many nodes a collection needs, so that each searches its part from memory.

    With --rate or --p99, searches are timed here first. --p99 makes parts
    smaller until a node answers in that time. --rate adds replicas until
    searches keep at most 60 % of the cores busy. The network is not included.

    Examples:

        seismic cluster plan scifact --memory 16GB --replicas 2

        seismic cluster plan scifact --memory 16GB --rate 5000 --cores 8 --p99 20 --queries queries.parquet
    """
    demand = None
    if rate is not None or p99 is not None:
        times = search_times(collection, read_vectors(collection, queries) if queries else None, k)
        demand = Demand(times, rate or 0.0, cores, math.inf if p99 is None else p99 / 1000)
    elif queries is not None:
        raise ParameterError("--queries: found a file to time for neither --rate nor --p99; give one of them")
    planned = plan_cluster(collection.absolute(), parse_bytes(memory), replicas, demand)
    if as_json:
        typer.echo(json_text({**planned._asdict(), "parts": [part._asdict() for part in planned.parts]}, indent=True))
        return
    each = f"{planned.replicas} replica{'s' if planned.replicas > 1 else ''} of {len(planned.parts)} part"
    typer.echo(f"{planned.nodes} nodes of {decimal(planned.memory)}: {each}{'s' if len(planned.parts) > 1 else ''}")
    if demand is not None:
        mean, slow = 1000 * float(np.mean(demand.times)), 1000 * float(np.quantile(demand.times, 0.99))
        typer.echo(f"measured {len(demand.times)} queries of the whole: {mean:.3g} ms of CPU each, p99 {slow:.3g} ms")
    table = Table("part", "shards", "documents", "memory", box=None, pad_edge=False)
    for part in planned.parts:
        table.add_row(part.part, f"{part.shards:,}", f"{part.documents:,}", decimal(part.bytes))
    Console(markup=False, highlight=False, soft_wrap=True, width=WIDTH).print(table)


@with_params
def simulate(
    times: Annotated[
        Path | None,
        typer.Option(help="File with measured times of queries in microseconds, one per line.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    *,
    params: Simulated,
) -> None:
    """Estimate latencies of clusters of up to 10^10 documents from measured times, with and without hedging.

    Columns are p50 / p99 in milliseconds and the share of requests asked twice: without hedging, after the 95th
    percentile, and once nine in ten targets have answered. The same options give the same numbers.

    Examples:

        seismic cluster simulate --queries 1000

        seismic cluster simulate --times times.txt --measured-documents 319203 --stall-share 0
    """
    rows = table(params, None if times is None else read_times(times))
    if as_json:
        typer.echo(json_text({"params": params.model_dump(), "rows": rows}, indent=True))
        return
    shown = Table("documents", "shards", "nodes", *HEDGES, box=None, pad_edge=False)
    for row in rows:
        nodes = max(1, row["fronts"]) * row["nodes"]
        cells = (f"{one['p50']:.1f} / {one['p99']:.1f}, {one['load']:+.1%}" for one in map(row.__getitem__, HEDGES))
        shown.add_row(f"{row['documents']:,}", f"{nodes * row['shards']:,}", f"{nodes:,} {row['name']}", *cells)
    Console(markup=False, highlight=False, soft_wrap=True, width=120).print(shown)
