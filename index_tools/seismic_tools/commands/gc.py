"""`seismic gc`: remove old generations."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.store.publish import KEEP

app = typer.Typer(add_completion=False)


@app.command()
def gc(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    keep: Annotated[
        int, typer.Option("--keep-generations", help="Number of generations to keep, including the one served.")
    ] = KEEP,
) -> None:
    """Remove old generations that are not in use.

    Generations that a process has open stay. Leftovers of interrupted builds
    are removed too. Every build runs this at its end.

    Examples:

        seismic gc scifact --keep-generations 1
    """
    removed = seismic.collect_garbage(collection, keep=keep)
    typer.echo(f"removed {', '.join(removed) or 'nothing'}")
