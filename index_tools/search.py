"""`seismic search`: one query from the shell."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pyarrow.types import is_integer
from rich.console import Console
from rich.table import Table

import seismic
from index_tools.explanation import print_explanation, print_facets
from index_tools.options import with_params
from seismic import Answer, FacetBy, Index, ParameterError, QueryError, SearchParams, SearchRequest

app = typer.Typer(add_completion=False)

TITLE_COLUMNS = ("title", "text")
"""Payload columns that say what a document is, the best first."""


@app.command()
@with_params
def search(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    text: Annotated[str | None, typer.Option(help="The query as text, for the collection's encoder.")] = None,
    tokens: Annotated[str | None, typer.Option(help="The query as a JSON object from token to weight.")] = None,
    vector: Annotated[str | None, typer.Option(help="The query as JSON with `indices` and `values`.")] = None,
    like: Annotated[str | None, typer.Option(metavar="ID", help="The query as a document: those like it.")] = None,
    filter: Annotated[
        str | None, typer.Option(help="Only documents that this filter lets through, as JSON.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Hits wanted.")] = 10,
    offset: Annotated[int, typer.Option(help="Hits to pass over before.")] = 0,
    facet: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Count this column's values.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What scores are made of, why this plan, the work.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per hit, with its payload.")] = False,
    *,
    params: SearchParams,
) -> None:
    """Answer one query from the shell.

    Examples:

        seismic search scifact --text "do planets orbit stars"

        seismic search scifact --tokens '{"planet": 2.1, "orbit": 0.7}'

        seismic search scifact --like 4983 --explain

        seismic search scifact --vector '{"indices": [7], "values": [1.2]}' -k 3

        seismic search scifact --tokens '{"planet": 2.1}' --recall 0.95

        seismic search scifact --tokens '{"planet": 2.1}' --json | jq .payload

        seismic search scifact --tokens '{"planet": 2.1}' --filter '{"must": [{"key": "year", "range": {"lt": 1990}}]}'
    """
    if k < 1:
        raise ParameterError(f"k is {k}, expected at least 1")
    query = _query(text, tokens, vector, like)
    wanted = None if filter is None else _parse("--filter", filter)
    facets = [FacetBy(key=column) for column in facet or []] or None
    with seismic.open(collection) as index:
        if like is not None and is_integer(index.view.rules.schema.field("id").type):
            query = {"id": int(like) if like.removeprefix("-").isdecimal() else like}
        answer = index.ask(
            SearchRequest(
                query=query, limit=k, offset=offset, params=params, filter=wanted, facets=facets, explain=explain
            )
        )
        payloads = index.payloads([hit.number for hit in answer.hits])
        if as_json:
            _print_json(answer, payloads, offset)
        else:
            _print_table(index, answer, payloads, offset)
            print_facets(answer)
            print_explanation(answer)
    for warning in answer.warnings:
        typer.echo(warning, err=True)
    if answer.unknown:
        typer.echo(f"not in the index: {', '.join(map(str, answer.unknown))}", err=True)
    typer.echo(_summary(answer), err=as_json)


def _query(text: str | None, tokens: str | None, vector: str | None, like: str | None) -> dict[str, Any]:
    options = {"--text": text, "--tokens": tokens, "--vector": vector, "--like": like}
    given = [option for option, value in options.items() if value is not None]
    if len(given) != 1:
        raise QueryError(f"found {' and '.join(given) or 'none'}, expected one of {', '.join(options)}")
    if text is not None:
        return {"text": text}
    if like is not None:
        return {"id": like}
    return {"tokens": _parse("--tokens", tokens)} if tokens is not None else _parse("--vector", vector or "")


def _parse(option: str, text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"{option}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise QueryError(f"{option}: found a JSON {type(value).__name__}, expected an object")
    return value


def _print_json(answer: Answer, payloads: list[dict[str, Any]], offset: int) -> None:
    for rank, (hit, payload) in enumerate(zip(answer.hits, payloads, strict=True), offset + 1):
        line: dict[str, Any] = {"rank": rank, "id": hit.id, "score": hit.score, "payload": payload}
        if hit.explanation is not None:
            line["explanation"] = hit.explanation
        typer.echo(orjson.dumps(line, default=str))  # str: for decimals and the like


def _print_table(index: Index, answer: Answer, payloads: list[dict[str, Any]], offset: int) -> None:
    title = next((column for column in TITLE_COLUMNS if column in index.columns), None)
    table = Table(box=None, header_style="bold", pad_edge=False, expand=title is not None)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("id")
    if title:
        table.add_column(title, ratio=1, no_wrap=True)  # takes what the others leave
    for rank, (hit, payload) in enumerate(zip(answer.hits, payloads, strict=True), offset + 1):
        excerpt = [" ".join(str(payload[title] or "").split())] if title else []
        table.add_row(str(rank), f"{hit.score:.4f}", str(hit.id), *excerpt)
    Console(markup=False, emoji=False, highlight=False).print(table)  # texts may hold what looks like markup


def _summary(answer: Answer) -> str:
    stats, profile = answer.stats, answer.profile
    chosen = f" for recall {profile.target:g} (measured: {profile.recall:.4f} at k = {profile.k})" if profile else ""
    matched = "" if answer.matched is None else f"{answer.matched:,} documents match the filter, "
    return (
        f"{matched}plan {answer.plan}{chosen}, {stats.blocks_visited:,} of {stats.blocks:,} blocks visited, "
        f"{stats.documents_scored:,} documents scored"
    )
