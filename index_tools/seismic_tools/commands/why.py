"""`seismic why`: say why documents are or are not found."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pyarrow.types import is_integer

import seismic
from seismic import Index, ParameterError
from seismic.conversion.plain import to_json
from seismic_tools.terminal.explanation import print_contributions
from seismic_tools.terminal.options import parse_json
from seismic_tools.terminal.sanitize import json_text, sanitize
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter

app = typer.Typer(add_completion=False)


@app.command()
def why(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A text for the encoder, or a query as JSON: tokens, indices, id ...")
    ],
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the documents in question.")],
    filter: FilterOption = None,
    where: WhereOption = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Number of hits of the search.")] = 10,
    score_threshold: Annotated[float | None, typer.Option(help="Lowest score of a hit.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per document.")] = False,
) -> None:
    """Say why documents are or are not among the hits of a search.

    Shows each document's exact score and rank, the components that it shares
    with the query, and the conditions of the filter that exclude it.

    Examples:

        seismic why scifact "do planets orbit stars" 4983 5836

        seismic why scifact '{"tokens": {"planet": 2.1}}' 4983 --where structured=true
    """
    asked: Any = parse_json("QUERY", query) if query.lstrip().startswith("{") else query
    with seismic.open(collection) as index:
        wanted = chosen_filter(index, filter, where)
        found = index.why_not(asked, _typed(index, ids), wanted, k, score_threshold=score_threshold)
    for document in found:
        if as_json:
            typer.echo(json_text(document, default=to_json))
            continue
        typer.echo(f"{sanitize(document.id)} {sanitize(document.reason)}")
        if document.components:
            print_contributions(document.id, document.components)


def _typed(index: Index, ids: list[str]) -> list[Any]:
    """Return ids as the collection's type. Raises ParameterError for text where it has integers."""
    if not is_integer(index.view.rules.schema.field("id").type):
        return list(ids)
    try:
        return list(map(int, ids))
    except ValueError:
        wrong = next(one for one in ids if not one.removeprefix("-").isdecimal())
        raise ParameterError(
            f"found id '{sanitize(wrong)}', expected an integer, as ids of this collection are"
        ) from None
