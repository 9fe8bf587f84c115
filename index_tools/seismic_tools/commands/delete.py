"""`seismic delete`: delete documents by id."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

import seismic
from seismic import InputError

app = typer.Typer(add_completion=False)


@app.command()
def delete(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    ids: Annotated[list[str] | None, typer.Option("--id", help="Id of a document; repeatable.")] = None,
    file: Annotated[Path | None, typer.Option("--ids", help="File with one id per line; - for standard input.")] = None,
) -> None:
    """Delete documents from a collection by id.

    Unknown ids are ignored. An id of the wrong type is an error and deletes
    nothing.

    Examples:

        seismic delete scifact --id 4983 --id 5836

        seismic delete scifact --ids gone.txt
    """
    wanted = [*(ids or []), *(_lines(file) if file else [])]
    if not wanted:
        raise InputError("found no ids; expected --id or --ids")
    with seismic.open(collection) as index:
        kind = index.view.rules.schema.field("id").type
        try:
            column = pa.array(wanted).cast(kind)
        except pa.ArrowException as error:
            raise InputError(f"ids: expected {kind} ({error})") from None
        before = len(index)
        sequence = seismic.delete(collection, column)
        index.refresh()
        typer.echo(f"documents {before - len(index):,}: change {sequence} of generation {index.generation}")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read as lines of text: {error}") from None
