"""`seismic compact`: merge changes into a new generation."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)


@app.command()
def compact(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    workers: Annotated[int, typer.Option(help="Threads. The result does not depend on their number.")] = 1,
) -> None:
    """Merge all changes into a new generation.

    Searches are fastest when an index has no pending changes. The collection
    can be searched and changed while it is compacted. A running service
    compacts its collections automatically.

    Examples:

        seismic compact scifact --workers 2
    """
    with progress() as report:
        generation = seismic.compact(collection, workers=workers, progress=report)
    typer.echo(
        f"generation {generation.name} in {generation}"
        if generation
        else "nothing to do: there are no changes to merge"
    )
