"""`seismic encoder`: add, list, check and time the models that encode texts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from seismic.encoders.adding import add_encoder
from seismic.encoders.config import Precision
from seismic_tools.measure.encoders import Check, Timing, check_encoder, list_encoders, time_encoder
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)

Name = Annotated[str, typer.Argument(metavar="ENCODER", help="Name of an encoder, or ./FOLDER.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def encoder() -> None:
    """Add, list, check and time encoders of texts.

    Examples:

        seismic encoder add ./splade-v3 splade-v3

        seismic encoder check splade-v3

        seismic encoder list
    """


@app.command()
def add(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of a model, as sentence-transformers saves it.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the encoder.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder of encoders.", show_default="the first of SEISMIC_ENCODERS, or ~/.local/share/..."),
    ] = None,
    precision: Annotated[Precision, typer.Option(help="How matrices of weights are stored.")] = "float16",
    max_length: Annotated[
        int | None, typer.Option(help="Word pieces of a text that are read.", show_default="as the model says")
    ] = None,
) -> None:
    """Convert a model and keep it under a name.

    The encoder is loaded once before it is kept. It needs neither its source
    nor torch.

    Examples:

        seismic encoder add ./splade-v3 splade-v3

        seismic encoder add ./splade-v3 splade-v3 --precision float32 --max-length 256
    """
    added = add_encoder(source, name, folder, precision=precision, max_length=max_length)
    size = sum(file.stat().st_size for file in added.rglob("*") if file.is_file())
    typer.echo(f"added {name}, {decimal(size)}: {added}")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List the encoders that load by name.

    Examples:

        seismic encoder list

        seismic encoder list --json | jq '.[].name'
    """
    found = list_encoders()
    if as_json:
        typer.echo(json_text([one._asdict() for one in found], indent=True))
        return
    table = Table("name", "size", "pieces", "documents", "queries", "folder", box=None, pad_edge=False)
    for one in found:
        size = decimal(one.bytes) if one.bytes else ""
        pieces = f"{one.max_length:,}" if one.max_length else ""
        row = one.name, size, pieces, one.documents, one.queries, one.problem or one.folder
        table.add_row(*map(sanitize, row))
    Console(markup=False, highlight=False, soft_wrap=True).print(table)


@app.command()
def check(name: Name, as_json: AsJson = False) -> None:
    """Encode fixed texts and report what a model makes of them.

    Exits with code 1 if it finds a problem.

    Examples:

        seismic encoder check splade-tiny

        seismic encoder check ./splade-v3
    """
    found = check_encoder(name)
    typer.echo(json_text(found._asdict(), indent=True) if as_json else _lines(found))
    if found.problems:
        raise typer.Exit(1)


@app.command()
def bench(
    name: Name,
    texts: Annotated[int, typer.Option(min=1, help="Documents to encode; a quarter as many queries.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Threads that encode documents.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Time a model: loading, documents and queries.

    Documents have about 120 words, queries 8.

    Examples:

        seismic encoder bench splade-tiny

        seismic encoder bench ./splade-v3 --workers 2
    """
    timing = time_encoder(name, texts, workers)
    typer.echo(json_text(timing._asdict(), indent=True) if as_json else _timing(timing))


def _lines(found: Check) -> str:
    rows = [
        ("encoder", f"{found.name}, {found.kind}"),
        ("components", f"{found.components:,}"),
        (
            "word pieces",
            f"{found.max_length:,} of a document"
            + (f", {found.query_length:,} of a query" if found.query_length else ""),
        ),
        ("prompts", f"{found.query_prompt!r} of queries, {found.document_prompt!r} of documents"),
        ("documents", f"{found.document_components:,.1f} components on average, weights up to {found.largest:.4g}"),
        ("queries", f"{found.query_components:,.1f} components on average"),
        *[("example", f"{text} -> {weights}") for text, weights in found.examples.items()],
        *[("problem", problem) for problem in found.problems],
    ]
    lines = [f"{label:12}{sanitize(value)}" for label, value in rows]
    return "\n".join([*lines, *([] if found.problems else ["found no problem"])])


def _timing(timing: Timing) -> str:
    return (
        f"loaded in {timing.load_seconds:.2f} s; {timing.documents_per_second:,.1f} documents per second of "
        f"{timing.pieces:,.0f} word pieces, {timing.queries_per_second:,.1f} queries per second "
        f"({1e3 / timing.queries_per_second:.2f} ms each)"
    )
