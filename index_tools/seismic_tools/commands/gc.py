"""`seismic gc`: old generations go."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.store.publish import KEEP

app = typer.Typer(add_completion=False)


@app.command()
def gc(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    keep: Annotated[
        int, typer.Option("--keep-generations", help="Generations that stay, the one served first.")
    ] = KEEP,
) -> None:
    """Remove old generations that nobody has open.

    And what killed writers left. Builds do that, too.

    Examples:

        seismic gc scifact --keep-generations 1
    """
    removed = seismic.collect_garbage(collection, keep=keep)
    typer.echo(f"removed {', '.join(removed) or 'nothing'}")
