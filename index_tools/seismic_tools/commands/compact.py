"""`seismic compact`: changes into a generation of their own."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)


@app.command()
def compact(
    collection: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    workers: Annotated[int, typer.Option(help="Threads; the result does not depend on them.")] = 1,
) -> None:
    """Publish a generation of the documents that are there now.

    Searches are quickest without changes beside the index. The collection can
    be searched and changed meanwhile. A server compacts by itself.

    Examples:

        seismic compact scifact --workers 2
    """
    with progress() as report:
        generation = seismic.compact(collection, workers=workers, progress=report)
    typer.echo(f"generation {generation.name} in {generation}" if generation else "nothing to do")
