"""`seismic get`: show documents by id."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic.errors import DocumentNotFoundError
from seismic_tools.readers.ids import typed_ids
from seismic_tools.terminal.documents import print_documents

app = typer.Typer(add_completion=False)


@app.command()
def get(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.")],
    column: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Show only this column; repeatable.")
    ] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="Show stored vectors as well.")] = False,
) -> None:
    """Show documents by id, one JSON object per line.

    An id without a document is an error, after those that exist were shown.

    Examples:

        seismic get scifact 4983 5836

        seismic get scifact 4983 --column title --vectors
    """
    with seismic.open(collection) as index:
        kind = index.view.rules.schema.field("id").type
        found = index.fetch(typed_ids(ids, kind, ["ID"] * len(ids)), column, with_vectors=vectors)
        print_documents([document for document in found if document is not None])
    missing = [repr(id) for id, document in zip(ids, found, strict=True) if document is None]
    if missing:
        raise DocumentNotFoundError(f"{collection}: found no document {', '.join(missing)}")
