"""The option of verbs that build shards: a Ray cluster for them."""

from typing import Annotated, TypeAlias

import typer

from seismic.builder.tasks import Runner

RayAddress: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Ray cluster whose nodes build the shards; --workers and --memory are then those of one shard.",
        show_default=False,
    ),
]


def runner_of(address: str | None, threads: int, memory: int | None) -> Runner | None:
    """Return what builds shards on a Ray cluster, connected and with room for a task; None without an address."""
    if address is None:
        return None
    from seismic.cluster.ray_tasks import RayRunner

    runner = RayRunner(address, threads=threads, memory=memory)
    runner.connect()
    return runner
