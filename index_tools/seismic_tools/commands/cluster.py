"""`seismic cluster`: run nodes that search parts of a collection, look at them, and plan them."""

import logging
import math
import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from seismic import ParameterError
from seismic.cluster.actor_options import actor_options
from seismic.cluster.cache import Cache
from seismic.cluster.connection import Address, read_secret
from seismic.cluster.node import Node, NodeLimits
from seismic.cluster.plan import Demand, plan_cluster
from seismic.cluster.push import push
from seismic.cluster.sources import SharedFolder, Source
from seismic.cluster.spec import PartSpec
from seismic.cluster.storage import Storage
from seismic.cluster.tls import node_context
from seismic.cluster.topology import fan_of, read_topology
from seismic.conversion.sizes import parse_bytes
from seismic.store.publish import KEEP
from seismic_tools.measure.demand import search_times
from seismic_tools.measure.simulate import HEDGES, Simulated, read_times, table
from seismic_tools.readers.query_vectors import read_vectors
from seismic_tools.terminal.options import finite, with_params
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)

WIDTH = 200
"""Columns of tables at most: a narrow terminal wraps a line, but no address is cut."""

Collection = Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")]
Ray = Annotated[str, typer.Option(help="Address HOST:PORT of the Ray cluster.")]
CacheFolder = Annotated[
    Path | None,
    typer.Option(help="Folder on this machine for copies of files, shared by its nodes.", show_default=False),
]
CacheSize = Annotated[
    str | None,
    typer.Option(help="Most bytes of the cache, such as 50GB: three generations.", show_default="no limit"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; sizes are in bytes.")]


@app.callback()
def cluster() -> None:
    """Search a collection on several nodes.

    Examples:

        seismic cluster plan scifact --memory 16GB

        seismic cluster node scifact --parts 1/1+changes --secret-file secret

        seismic cluster status nodes.toml

        seismic cluster start scifact --ray 10.0.0.1:6379 --replicas 2
    """


@app.command()
def node(
    collection: Annotated[
        str,
        typer.Argument(metavar="COLLECTION", help="Folder of the collection, or an address such as s3://bucket/name."),
    ],
    parts: Annotated[str, typer.Option(help="Parts to search, such as 1/2 or 2/2+changes; comma-separated.")],
    secret_file: Annotated[Path, typer.Option(help="File with the secret of the cluster.")],
    listen: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1:7700",
    threads: Annotated[int, typer.Option(min=1, help="Searches that run at the same time.")] = os.cpu_count() or 1,
    connections: Annotated[int, typer.Option(min=1, help="Most open connections.")] = 512,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM); enables TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key (PEM), if it is in a separate file.")] = None,
    grace: Annotated[
        float, typer.Option(min=0, callback=finite, help="Seconds that requests have to end after a signal.")
    ] = 8.0,
    cache: CacheFolder = None,
    cache_size: CacheSize = None,
) -> None:
    """Answer for parts of a collection until SIGTERM or SIGINT.

    Examples:

        seismic cluster node scifact --parts 1/2 --secret-file secret

        seismic cluster node scifact --parts 2/2+changes --secret-file secret --listen 127.0.0.1:7701

        seismic cluster node s3://indexes/scifact --parts 1/2 --secret-file secret --cache /var/cache/seismic
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    specs = [PartSpec.parse(part.strip(), "parts") for part in parts.split(",")]
    source = _source(collection, cache, cache_size)
    running = Node(
        source.folder,
        specs,
        read_secret(secret_file),
        Address.parse(listen, "listen", least_port=0),
        limits=NodeLimits(connections, threads),
        tls=node_context(tls_cert, tls_key),
        source=source,
    )
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: _end(ending, number))
    typer.echo(f"listening on {running.start()}")
    ending.wait()
    running.close(grace)


@app.command("push")
def push_generation(
    collection: Collection,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Folder, or an address such as s3://bucket/name.")],
    keep: Annotated[int, typer.Option(min=1, help="Generations to keep there. Those that nodes read stay too.")] = KEEP,
) -> None:
    """Copy the current generation into shared storage, where nodes switch to it.

    Examples:

        seismic cluster push scifact s3://indexes/scifact

        seismic cluster push scifact /mnt/indexes/scifact --keep 3
    """
    with progress() as report:
        generation = push(collection.absolute(), address, keep=keep, progress=report)
    typer.echo(f"generation {generation} is current in {sanitize(Storage(address).address)}")


@app.command()
def start(
    collection: Collection,
    ray: Ray,
    replicas: Annotated[
        int | None, typer.Option(min=1, help="Nodes with the same part, on different machines.")
    ] = None,
    groups: Annotated[int | None, typer.Option(min=1, help="Parts to divide the collection into.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Searches of a node that run at the same time.")] = None,
    cpus: Annotated[
        float | None,
        typer.Option(min=0.01, callback=finite, help="Logical CPUs of Ray that a node takes.", show_default="1"),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite,
            help="Seconds to wait for machines that are being added, and until all nodes answer.",
            show_default="0 and 120",
        ),
    ] = None,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Start the replicas that have machines, the others once they have.")
    ] = False,
    cache: CacheFolder = None,
    cache_size: CacheSize = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Address below which nodes find the pushed collection, such as s3://indexes.",
            show_default="the collection's folder",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate chain (PEM) on each machine; enables TLS.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Private key (PEM), if it is in a separate file.", show_default=False)
    ] = None,
    ports: Annotated[
        str | None,
        typer.Option(help="Ports to listen on, such as 7100-7199.", show_default="any free one"),
    ] = None,
) -> None:
    """Run nodes on a Ray cluster, which restarts them. Ends with status 1 if not all of them answer in time.

    Nodes that are running already stay as they are, and must have the options
    that are given. `seismic serve --ray` finds them.

    Examples:

        seismic cluster start scifact --ray 10.0.0.1:6379 --replicas 2 --groups 4

        seismic cluster start scifact --ray 10.0.0.1:6379 --storage s3://indexes --cache /var/cache/seismic
    """
    folder = collection.resolve()
    files = {"cache": cache, "cache_size": cache_size, "storage": storage}
    options = actor_options(cpus=cpus, threads=threads, tls_cert=tls_cert, tls_key=tls_key, ports=ports, **files)
    wanted = import_module("seismic.cluster.ray_placement").Wanted(replicas, groups, options, degraded)
    parts, problems = ray_nodes().placed(folder, ray, wanted, wait, partial(typer.echo, err=True))
    table = Table("part", "nodes", box=None, pad_edge=False)
    for part, addresses in parts.items():
        table.add_row(part, ", ".join(addresses))
    Console(markup=False, highlight=False, soft_wrap=True, width=WIDTH).print(table)
    for problem in problems:
        typer.echo(f"degraded: {sanitize(problem)}", err=True)
    if problems and not (degraded and all(parts.values())):
        raise typer.Exit(1)


@app.command()
def stop(collection: Collection, ray: Ray) -> None:
    """End the nodes of a collection on a Ray cluster, after the requests that they are answering.

    Examples:

        seismic cluster stop scifact --ray 10.0.0.1:6379
    """
    count = ray_nodes().stopped(collection.resolve(), ray)
    typer.echo(f"ended {count} node{'' if count == 1 else 's'}")


@app.command()
def status(
    nodes: Annotated[Path, typer.Argument(metavar="NODES", help="Nodes file; with --ray, folder of a collection.")],
    ray: Annotated[str | None, typer.Option(help="Address HOST:PORT of a Ray cluster that runs the nodes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each node of a cluster has and does. Ends with status 1 if one does not answer.

    Examples:

        seismic cluster status nodes.toml

        seismic cluster status scifact --ray 10.0.0.1:6379
    """
    problems: list[str] = []
    if ray is not None:
        topology, problems = ray_nodes().running(nodes.resolve(), ray)
    else:
        topology = read_topology(nodes)
    found = dict[str, dict[str, Any] | str]()
    for name in topology.collections:
        fan = fan_of(topology, name)
        for one in fan.nodes(topology.timeout):
            found[one.address] = dict(one.says) if one.problem is None else one.problem
        fan.close()
    if as_json:
        typer.echo(json_text(found, indent=True))
    else:
        _show(found)
    for problem in problems:
        typer.echo(f"degraded: {sanitize(problem)}", err=True)
    if problems or any(isinstance(one, str) for one in found.values()):
        raise typer.Exit(1)


@app.command()
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


@app.command()
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


def _end(ending: threading.Event, number: int) -> None:
    """Begin to end a node; at once on a second signal. Raises SystemExit."""
    if ending.is_set():
        sys.exit(128 + number)
    ending.set()


def _source(collection: str, cache: Path | None, size: str | None) -> Source:
    """Return where a node opens the files of a collection."""
    if size is not None and cache is None:
        raise ParameterError("cache-size: found a size without a cache; give --cache")
    if cache is not None:
        return Cache(cache, parse_bytes(size) if size else None).collection(collection)
    if "://" in collection:
        raise ParameterError(f"{collection}: files there cannot be mapped; give --cache, a folder on this machine")
    return SharedFolder(Path(collection).absolute())


def ray_nodes() -> Any:
    """Return the module that manages nodes on Ray, which is loaded only where it is used."""
    return import_module("seismic.cluster.ray_nodes")


def _show(found: dict[str, dict[str, Any] | str]) -> None:
    table = Table(
        "node", "part", "generation", "change", "documents", "running", "queue", "memory", box=None, pad_edge=False
    )
    for address, one in found.items():
        if isinstance(one, str):
            table.add_row(address, sanitize(one))
            continue
        rows = [(part, name, state) for part, states in one["parts"].items() for name, state in states.items()]
        for part, name, state in rows:
            counts = str(state["sequence"]), f"{state['documents']:,}", str(one["running"]), str(one["waiting"])
            table.add_row(address, sanitize(part), sanitize(name), *counts, decimal(one["memory"]))
    Console(markup=False, highlight=False, soft_wrap=True, width=WIDTH).print(table)
