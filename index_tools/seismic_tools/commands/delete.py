"""`seismic delete`: delete documents by id or by a filter."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

import seismic
from seismic import InputError
from seismic_tools.readers.ids import read_ids, typed_ids
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter

app = typer.Typer(add_completion=False)


@app.command()
def delete(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    ids: Annotated[list[str] | None, typer.Option("--id", help="Id of a document; repeatable.")] = None,
    file: Annotated[Path | None, typer.Option("--ids", help="File with one id per line; - for standard input.")] = None,
    filter: FilterOption = None,
    where: WhereOption = None,
) -> None:
    """Delete documents from a collection by id or by a filter.

    Unknown ids are ignored. An id of the wrong type is an error and deletes
    nothing.

    Examples:

        seismic delete scifact --id 4983 --id 5836

        seismic delete scifact --ids gone.txt

        seismic delete scifact --where 'n_chars<500'
    """
    with seismic.open(collection) as index:
        if filter is not None or where:
            if ids or file:
                raise InputError(
                    f"found {'--where' if filter is None else '--filter'} and ids, expected only one of both"
                )
            sequence = seismic.delete(collection, filter=chosen_filter(index, filter, where))
            typer.echo(f"documents {sequence.deleted or 0:,}: change {sequence} of generation {index.generation}")
            return
        kind = index.view.rules.schema.field("id").type
        listed = read_ids(file, kind) if file else pa.array([], kind)
        wanted = pa.concat_arrays([typed_ids(ids or [], kind, ["--id"] * len(ids or [])), listed])
        if len(wanted) == 0:
            raise InputError("found no ids; expected --id, --ids or --filter, or --where")
        before = len(index)
        sequence = seismic.delete(collection, wanted)
        index.refresh()
        typer.echo(f"documents {before - len(index):,}: change {sequence} of generation {index.generation}")
