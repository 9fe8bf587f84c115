"""`seismic snapshot`: a collection as one file, and back."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

import seismic
from seismic.store.publish import KEEP

app = typer.Typer(add_completion=False)

Collection = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The snapshot.")]


@app.callback()
def snapshot() -> None:
    """Save a collection as one file, or restore it.

    Examples:

        seismic snapshot create scifact scifact.snapshot

        seismic snapshot restore scifact.snapshot elsewhere/scifact
    """


@app.command()
def create(
    collection: Collection,
    file: File,
    zstd: Annotated[bool, typer.Option("--zstd", help="Compress it.")] = False,
) -> None:
    """Save a collection, as it is now with all changes, in a new file.

    Nothing has to stop for it. Everything is checked against its hash.
    """
    typer.echo(f"{decimal(seismic.create_snapshot(collection, file, compress=zstd))} in {file}")


@app.command()
def restore(
    file: File,
    collection: Collection,
    keep: Annotated[
        int, typer.Option("--keep-generations", help="Generations that stay; more, while someone has them open.")
    ] = KEEP,
) -> None:
    """Publish a snapshot as a new generation of a collection, served or yet to be.

    What was changed there before is void.
    """
    typer.echo(f"restored in {seismic.restore_snapshot(file, collection, keep=keep)}")
