"""`seismic migrate`: convert an index to the current format."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.maintenance.migrate import FORMAT

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
) -> None:
    """Convert an index to the current format.

    The converted index is published as a new generation. The old generation
    stays available for a rollback.

    Examples:

        seismic migrate scifact
    """
    generation = seismic.migrate(collection)
    typer.echo(
        f"migrated to format {FORMAT}: {generation}"
        if generation
        else f"nothing to do: the index already has format {FORMAT}"
    )
