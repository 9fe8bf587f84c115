"""`seismic drop`: remove a collection."""

from pathlib import Path
from typing import Annotated

import typer

import seismic

app = typer.Typer(add_completion=False)


@app.command()
def drop(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a collection.

    All its generations, changes and aliases are removed; snapshots in other
    folders stay. Open indexes still answer from the files they have mapped. A
    running service stops to serve it within a second.

    Examples:

        seismic drop old-books

        seismic drop old-books --yes
    """
    if not yes:
        typer.confirm(f"Remove the collection {collection} with all its documents?", abort=True)
    seismic.drop(collection)
    typer.echo(f"removed {collection}")
