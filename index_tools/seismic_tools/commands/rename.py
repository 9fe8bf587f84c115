"""`seismic rename`: rename a collection."""

from pathlib import Path
from typing import Annotated

import typer

import seismic

app = typer.Typer(add_completion=False)


@app.command()
def rename(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name, in the same folder.")],
) -> None:
    """Rename a collection.

    Its aliases follow. A running service serves it under the new name within a
    second.

    Examples:

        seismic rename collections/books library
    """
    typer.echo(f"renamed to {seismic.rename(collection.parent, collection.name, name)}")
