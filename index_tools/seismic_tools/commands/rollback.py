"""`seismic rollback`: serve an earlier generation again."""

from pathlib import Path
from typing import Annotated

import typer

import seismic

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    generation: Annotated[
        str | None,
        typer.Argument(metavar="GENERATION", help="Generation to serve. Default: the one before the current one."),
    ] = None,
) -> None:
    """Serve an earlier generation again.

    The generation is fully verified first. If it is damaged, nothing changes.

    Examples:

        seismic rollback scifact

        seismic rollback scifact 000001
    """
    typer.echo(f"generation {seismic.rollback(collection, generation)} is now served")
