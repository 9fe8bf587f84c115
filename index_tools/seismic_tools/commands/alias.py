"""`seismic alias`: other names of collections."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic import ParameterError

app = typer.Typer(add_completion=False)


@app.command()
def alias(
    alias: Annotated[Path, typer.Argument(metavar="ALIAS", help="The other name, in the folder of the collection.")],
    collection: Annotated[
        str | None, typer.Argument(metavar="COLLECTION", help="Name of the collection.", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias; its collection stays.")] = False,
) -> None:
    """Give a collection another name, or switch that name to another collection.

    An alias is searched, changed and served like its collection. The switch is
    atomic: every search sees the old collection or the new one.

    Examples:

        seismic alias collections/books books-2026

        seismic alias collections/books --remove
    """
    if remove == (collection is not None):
        raise ParameterError("expected either the name of a collection, or --remove")
    if collection is None:
        seismic.unalias(alias.parent, alias.name)
        typer.echo(f"removed {alias}")
    else:
        seismic.alias(alias.parent, alias.name, collection)
        typer.echo(f"{alias} is {collection}")
