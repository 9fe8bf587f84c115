"""`seismic scroll`: list documents without a query."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic import Index, OrderBy, Page, ParameterError
from seismic_tools.terminal.documents import print_document_table, print_documents, print_ids
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter

app = typer.Typer(add_completion=False)

SHOWN = 20
"""Documents of a table."""

PAGE = 1000
"""Documents that are read at a time."""


@app.command()
def scroll(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    filter: FilterOption = None,
    where: WhereOption = None,
    order_by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Order by this column.", show_default="id")
    ] = None,
    descending: Annotated[bool, typer.Option("--desc", help="Largest values first.")] = False,
    limit: Annotated[
        int | None, typer.Option(help="Most documents to list.", show_default=f"{SHOWN}; all with --jsonl or --ids")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="Go on after the page that ended with this cursor.", show_default=False)
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Show only this column; repeatable.")
    ] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="Show stored vectors as well; needs --jsonl.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON object per document.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Print ids only, one per line.")] = False,
) -> None:
    """List documents without a query, by id or by a column.

    Documents without a value come last, and ties are ordered by id. If more
    documents follow, standard error names the cursor to go on with, which stays
    valid across changes and compactions.

    Examples:

        seismic scroll scifact

        seismic scroll scifact --order-by n_chars --desc --limit 5

        seismic scroll scifact --where 'n_chars<500' --where structured=true --jsonl

        seismic scroll scifact --filter '{"must": [{"is_null": {"key": "title"}}]}' --ids
    """
    if limit is not None and limit < 1:
        raise ParameterError(f"--limit is {limit}, expected at least 1")
    if jsonl and ids:
        raise ParameterError("found --jsonl and --ids, expected only one of them")
    if vectors and not jsonl:
        raise ParameterError("--vectors needs --jsonl")
    if descending and order_by is None:
        order_by = "id"
    by = None if order_by is None else OrderBy(key=order_by, direction="desc" if descending else "asc")
    columns = [] if ids else column
    with seismic.open(collection) as index:
        wanted = chosen_filter(index, filter, where)
        if not (jsonl or ids):
            limit = SHOWN if limit is None else limit
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(left, PAGE)
            page = index.scroll(wanted, limit=size, cursor=cursor, order_by=by, columns=columns, with_vectors=vectors)
            _print(index, page, jsonl=jsonl, ids=ids, columns=column)
            cursor, left = page.cursor, None if left is None else left - size
            if cursor is None:
                return
    typer.echo(f"more documents follow: --cursor {cursor}", err=True)


def _print(index: Index, page: Page, *, jsonl: bool, ids: bool, columns: list[str] | None) -> None:
    if jsonl:
        print_documents(page.documents)
    elif ids:
        print_ids(page.documents)
    else:
        print_document_table(index, page.documents, columns)
