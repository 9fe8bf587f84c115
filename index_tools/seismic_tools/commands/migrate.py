"""`seismic migrate`: an older index in today's format."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.maintenance.migrate import FORMAT

app = typer.Typer(add_completion=False)


@app.command()
def migrate(collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")]) -> None:
    """Publish an index of an older format in today's.

    The generation of the older format stays, to roll back to.

    Examples:

        seismic migrate scifact
    """
    generation = seismic.migrate(collection)
    typer.echo(f"migrated to format {FORMAT}: {generation}" if generation else f"nothing to do: it has format {FORMAT}")
