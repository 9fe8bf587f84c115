"""`seismic compact`: merge changes into a new generation."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.conversion.sizes import parse_bytes
from seismic.store.publish import KEEP
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.ray import RayAddress, runner_of

app = typer.Typer(add_completion=False)


@app.command()
def compact(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    workers: Annotated[int, typer.Option(help="Threads. The result does not depend on their number.")] = 1,
    memory: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Memory to use, such as 8GB. Default: half of the machine's.")
    ] = None,
    keep: Annotated[int, typer.Option("--keep-generations", help="Generations to keep, including the new one.")] = KEEP,
    ray: RayAddress = None,
) -> None:
    """Merge all changes into a new generation.

    Searches are fastest when an index has no pending changes. The collection
    can be searched and changed while it is compacted. A running service
    compacts its collections automatically.

    Deleted documents are gone from disk once no older generation is kept:
    with --keep-generations 1, unless a process has one open.

    Examples:

        seismic compact scifact --workers 2

        seismic compact scifact --keep-generations 1

        seismic compact /shared/marco --ray 10.0.0.1:6379 --memory 8GB
    """
    limit = parse_bytes(memory) if memory else None
    runner = runner_of(ray, workers, limit)
    with progress() as report:
        generation = seismic.compact(
            collection, workers=workers, memory=limit, keep=keep, progress=report, runner=runner
        )
    typer.echo(
        f"generation {generation.name} in {generation}"
        if generation
        else "nothing to do: there are no changes to merge"
    )
