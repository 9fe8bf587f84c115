"""`seismic list`: the collections in a folder."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import seismic
from seismic import StorageError
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)


def _describe(folder: Path, links: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": folder.name,
        "aliases": [alias for alias, name in links.items() if name == folder.name],
    }
    try:
        with seismic.open(folder) as index:
            numbers = {"documents": len(index), "dimension": index.dimension, "generation": index.generation}
            return found | numbers | {"sequence": index.sequence}
    except StorageError as error:
        return found | {"problem": str(error)}


@app.command()
def list(
    directory: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of collections.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the collections and aliases in a folder.

    Examples:

        seismic list

        seismic list collections --json
    """
    links = seismic.aliases(directory)
    found = [_describe(directory / name, links) for name in seismic.collections(directory)]
    if as_json:
        typer.echo(json_text(found, indent=True))
        return
    table = Table("collection", "documents", "dimension", "generation", "aliases", box=None, pad_edge=False)
    for one in found:
        numbers = [f"{one[field]:,}" if field in one else "" for field in ("documents", "dimension")]
        table.add_row(
            sanitize(one["name"]),
            *numbers,
            sanitize(one.get("problem") or one["generation"]),
            sanitize(", ".join(one["aliases"])),
        )
    Console(markup=False, highlight=False, soft_wrap=True).print(table)
