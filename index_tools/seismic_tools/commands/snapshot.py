"""`seismic snapshot`: save a collection to one file, and restore it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

import seismic
from seismic.maintenance.retention import keep_snapshots
from seismic.store.publish import KEEP

app = typer.Typer(add_completion=False)

Collection = Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Snapshot file.")]


@app.callback()
def snapshot() -> None:
    """Save a collection to one file, or restore it.

    Examples:

        seismic snapshot create scifact scifact.snapshot

        seismic snapshot restore scifact.snapshot elsewhere/scifact
    """


@app.command()
def create(
    collection: Collection,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New snapshot file; with --keep, an existing folder.")],
    zstd: Annotated[bool, typer.Option("--zstd", help="Compress the snapshot with Zstandard.")] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Name the snapshot after the collection and the time, and remove all but the newest N.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Save a collection, including all changes so far, to a new file.

    The collection can be searched and changed meanwhile. Every file is checked
    against its hash.

    Examples:

        seismic snapshot create scifact scifact.snapshot --zstd

        seismic snapshot create scifact backups --keep 7
    """
    if keep is not None:
        kept = keep_snapshots(collection, file, keep, compress=zstd)
        typer.echo(f"{decimal(kept.bytes)} in {kept.file}")
        for old in kept.removed:
            typer.echo(f"removed {old}")
        return
    typer.echo(f"{decimal(seismic.create_snapshot(collection, file, compress=zstd))} in {file}")


@app.command()
def restore(
    file: File,
    collection: Collection,
    keep: Annotated[
        int, typer.Option("--keep-generations", help="Number of generations to keep. Those in use stay too.")
    ] = KEEP,
) -> None:
    """Publish a snapshot as a new generation of a new or existing collection.

    Changes made to that collection before are discarded.

    Examples:

        seismic snapshot restore scifact.snapshot elsewhere/scifact
    """
    typer.echo(f"restored in {seismic.restore_snapshot(file, collection, keep=keep)}")
