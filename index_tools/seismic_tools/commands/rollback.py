"""`seismic rollback`: serve an older generation again."""

from pathlib import Path
from typing import Annotated

import typer

import seismic

app = typer.Typer(add_completion=False)


@app.command()
def rollback(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    generation: Annotated[
        str | None, typer.Argument(metavar="GENERATION", help="Default: the one before the one served.")
    ] = None,
) -> None:
    """Serve another generation.

    It is verified in full first; a damaged one changes nothing.

    Examples:

        seismic rollback scifact

        seismic rollback scifact 000001
    """
    typer.echo(f"generation {seismic.rollback(collection, generation)} is served")
