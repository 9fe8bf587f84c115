"""`seismic verify`: check an index for damage."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

import seismic
from seismic.params import Verify
from seismic_tools.terminal.sanitize import json_text, sanitize

app = typer.Typer(add_completion=False)


@app.command()
def verify(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    generation: Annotated[str | None, typer.Option(help="Generation to check. Default: the one served.")] = None,
    level: Annotated[
        Verify,
        typer.Option("--verify", help="Check the hashes of all bytes, of a new random sample at each run, or of none."),
    ] = "full",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check an index for damage.

    Checks for missing, resized and unknown files, and verifies hashes, bounds
    and invariants. The report names every damaged file and column. The exit
    code is 0 for an intact index and 1 for a damaged one.

    Examples:

        seismic verify scifact

        seismic verify scifact --generation 000001 --verify sample --json
    """
    found = seismic.verify(collection, generation=generation, verify=level)
    if as_json:
        report = {**asdict(found), "damages": [damage._asdict() for damage in found.damages]}
        typer.echo(json_text(report, indent=True))
    else:
        for damage in found.damages:
            typer.echo(sanitize(damage))
        state = f"{len(found.damages)} damages" if found.damages else "no damage"
        typer.echo(f"generation {found.generation}: {found.files} files, {decimal(found.bytes)}, {state}")
    if found.damages:
        raise typer.Exit(1)
