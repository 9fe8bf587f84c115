"""`seismic verify`: is an index whole?"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.filesize import decimal

import seismic
from seismic.params import Verify

app = typer.Typer(add_completion=False)


@app.command()
def verify(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    generation: Annotated[str | None, typer.Option(help="A generation other than the one served.")] = None,
    level: Annotated[
        Verify, typer.Option("--verify", help="Hashes of all bytes, of a sample drawn anew each time, or of none.")
    ] = "full",
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Look for damage in an index.

    Missing, resized and foreign files, hashes, bounds and invariants: every
    damaged file is named, and the column in it. Ends with 0 if all is well, with 1 if there is damage.

    Examples:

        seismic verify scifact

        seismic verify scifact --generation 000001 --verify sample --json
    """
    found = seismic.verify(collection, generation=generation, verify=level)
    if as_json:
        report = {**asdict(found), "damages": [damage._asdict() for damage in found.damages]}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        for damage in found.damages:
            typer.echo(f"{damage}")
        state = f"{len(found.damages)} damages" if found.damages else "no damage"
        typer.echo(f"generation {found.generation}: {found.files} files, {decimal(found.bytes)}, {state}")
    if found.damages:
        raise typer.Exit(1)
