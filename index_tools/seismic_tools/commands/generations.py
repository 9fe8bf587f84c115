"""`seismic generations`: list the generations of a collection."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

import seismic
from seismic import GenerationInfo
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)


@app.command()
def generations(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; sizes are in bytes.")] = False,
) -> None:
    """List the generations of a collection.

    The list starts with the oldest. It marks the generation that is served and
    those that a process has open.

    Examples:

        seismic generations scifact

        seismic generations scifact --json | jq '.[] | select(.current)'
    """
    found = seismic.generations(collection)
    if as_json:
        typer.echo(json_text([asdict(info) for info in found], indent=True))
        return
    table = Table("generation", "documents", "size", "written", "state", box=None, pad_edge=False)
    for info in found:
        table.add_row(info.generation, f"{info.documents:,}", decimal(info.bytes), info.written, _state(info))
    Console(markup=False, highlight=False, soft_wrap=True).print(table)


def _state(info: GenerationInfo) -> str:
    states = [name for name, holds in (("served", info.current), ("open", info.open)) if holds]
    return ", ".join([*states, *([sanitize(info.problem)] if info.problem else [])])
