"""`seismic search`: one query from the shell."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

import seismic
from index_tools.options import with_params
from seismic import Answer, Index, QueryError, SearchParams

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
    filter: Annotated[
        str | None, typer.Option(help="Only documents that this filter lets through, as JSON.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Hits wanted.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per hit, with its payload.")] = False,
    *,
    params: SearchParams,
) -> None:
    """Answer one query from the shell.

    Examples:

        seismic search scifact --text "do planets orbit stars"

        seismic search scifact --tokens '{"planet": 2.1, "orbit": 0.7}'

        seismic search scifact --vector '{"indices": [7], "values": [1.2]}' -k 3

        seismic search scifact --tokens '{"planet": 2.1}' --recall 0.95

        seismic search scifact --tokens '{"planet": 2.1}' --json | jq .payload

        seismic search scifact --tokens '{"planet": 2.1}' --filter '{"must": [{"key": "year", "range": {"lt": 1990}}]}'
    """
    query = _query(text, tokens, vector)
    wanted = None if filter is None else _parse("--filter", filter)
    with seismic.open(collection) as index:
        answer = index.answer(query, k, params=params, filter=wanted)
        payloads = index.payloads([hit.number for hit in answer.hits])
        if as_json:
            _print_json(answer, payloads)
        else:
            _print_table(index, answer, payloads)
    for warning in answer.warnings:
        typer.echo(warning, err=True)
    if answer.unknown:
        typer.echo(f"not in the index: {', '.join(map(str, answer.unknown))}", err=True)
    typer.echo(_summary(answer), err=as_json)


def _query(text: str | None, tokens: str | None, vector: str | None) -> dict[str, Any]:
    options = {"--text": text, "--tokens": tokens, "--vector": vector}
    given = [option for option, value in options.items() if value is not None]
    if len(given) != 1:
        raise QueryError(f"found {' and '.join(given) or 'none'}, expected one of {', '.join(options)}")
    if text is not None:
        return {"text": text}
    return {"tokens": _parse("--tokens", tokens)} if tokens is not None else _parse("--vector", vector or "")


def _parse(option: str, text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"{option}: not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise QueryError(f"{option}: found a JSON {type(value).__name__}, expected an object")
    return value


def _print_json(answer: Answer, payloads: list[dict[str, Any]]) -> None:
    for rank, (hit, payload) in enumerate(zip(answer.hits, payloads, strict=True), 1):
        line = {"rank": rank, "id": hit.id, "score": hit.score, "payload": payload}
        typer.echo(orjson.dumps(line, default=str))  # str: for decimals and the like


def _print_table(index: Index, answer: Answer, payloads: list[dict[str, Any]]) -> None:
    title = next((column for column in TITLE_COLUMNS if column in index.columns), None)
    table = Table(box=None, header_style="bold", pad_edge=False, expand=title is not None)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("id")
    if title:
        table.add_column(title, ratio=1, no_wrap=True)  # takes what the others leave
    for rank, (hit, payload) in enumerate(zip(answer.hits, payloads, strict=True), 1):
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
