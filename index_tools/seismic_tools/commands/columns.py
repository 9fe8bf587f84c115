"""`seismic columns`: the payload columns of a collection."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.documents.types import EXAMPLES
from seismic_tools.terminal.options import column_types
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)


@app.command()
def columns(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TYPE", help=f"Column to add or to widen; repeatable. TYPE: {EXAMPLES}."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the columns of a collection, or add some.

    Documents have nulls in a new column; nothing is rebuilt. Integers and
    floats can become wider, and integers floats. New columns also come with
    the documents of `seismic upsert`, unless the collection is strict.

    Examples:

        seismic columns books

        seismic columns books --add pages=int32 --add 'tags=list<string>'
    """
    if add:
        seismic.add_columns(collection, column_types(add, "--add"))
    with seismic.open(collection) as index:
        types = {field.name: str(field.type) for field in index.view.rules.schema}
    if as_json:
        typer.echo(json_text(types, indent=True))
        return
    for name, kind in types.items():
        typer.echo(f"{sanitize(name)}  {sanitize(kind)}")
