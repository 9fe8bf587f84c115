"""`seismic cluster`: run nodes that search parts of a collection, look at them, and plan them."""

import logging
import os
import signal
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from seismic import ParameterError
from seismic.cluster.actor_options import actor_options
from seismic.cluster.cache import Cache
from seismic.cluster.connection import Address, read_secret
from seismic.cluster.node import Node, NodeLimits
from seismic.cluster.push import push
from seismic.cluster.sources import SharedFolder, Source
from seismic.cluster.spec import PartSpec
from seismic.cluster.storage import Storage
from seismic.cluster.tls import node_context
from seismic.cluster.topology import fan_of, read_topology
from seismic.conversion.sizes import parse_bytes
from seismic.store.publish import KEEP
from seismic_tools.commands.cluster_sizing import WIDTH, AsJson, Collection, plan, simulate
from seismic_tools.terminal.options import finite
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)
app.command()(plan)
app.command()(simulate)

Ray = Annotated[str, typer.Option(help="Address HOST:PORT of the Ray cluster.")]
CacheFolder = Annotated[
    Path | None,
    typer.Option(help="Folder on this machine for copies of files, shared by its nodes.", show_default=False),
]
CacheSize = Annotated[
    str | None,
    typer.Option(help="Most bytes of the cache, such as 50GB: three generations.", show_default="no limit"),
]


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
