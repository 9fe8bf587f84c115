"""`seismic patch`: change the payload and the vectors of documents."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

import seismic
from seismic import Changed, InputError
from seismic.lines import read_lines
from seismic_tools.readers.formats import STANDARD_INPUT
from seismic_tools.readers.ids import read_ids, typed_ids
from seismic_tools.readers.patches import split_rows
from seismic_tools.terminal.options import parse_json
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter

app = typer.Typer(add_completion=False)


@app.command()
def patch(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="JSON lines with `id`, columns to set and new vectors; - for standard input.",
        ),
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Id of a document; repeatable.")] = None,
    ids_file: Annotated[
        Path | None, typer.Option("--ids", help="File with one id per line; - for standard input.")
    ] = None,
    filter: FilterOption = None,
    where: WhereOption = None,
    values: Annotated[
        str | None, typer.Option("--set", metavar="JSON", help="Values by column.", show_default=False)
    ] = None,
    unset: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column to unset; repeatable.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Unset all other columns.")] = False,
    if_sequence: Annotated[
        int | None,
        typer.Option(
            help="Patch only if no later change named the documents; not with --filter or --where.", show_default=False
        ),
    ] = None,
) -> None:
    """Change the payload and the vectors of documents. What is not named stays.

    In JSON lines and in --set, null unsets a value. Unknown ids are ignored.
    Columns that are not named stay, unless --replace is given.

    JSON lines may have a new vector: `indices` and `values`, or a map `vector`
    (or `tokens`). With several fields, `fields` has new vectors by field, as
    NAME.indices and NAME.values do; other fields keep theirs. Texts are
    columns: they are not encoded.

    Examples:

        seismic patch scifact changed.jsonl

        echo '{"id": "4983", "tokens": {"planet": 2.1}}' | seismic patch scifact -

        seismic patch scifact --id 4983 --set '{"title": "A better title"}'

        seismic patch scifact --where 'n_chars<500' --unset title
    """
    forms = {"FILE": file, "ids": ids or ids_file, "--where" if filter is None else "--filter": filter or where}
    given = [name for name, value in forms.items() if value]
    if len(given) != 1:
        raise InputError(
            f"found {' and '.join(given) or 'none'}, expected one of FILE, --id or --ids, and --filter or --where"
        )
    options: dict[str, Any] = {"mode": "replace" if replace else "merge", "if_sequence": if_sequence}
    if file:
        if values or unset:
            raise InputError("found FILE with --set or --unset, which belong to --id, --ids or --filter")
        with seismic.open(collection) as index:
            rows, vectors = split_rows(_rows(file), file, index)
        changed = seismic.patch(collection, rows, **vectors, **options)
    else:
        options |= {"values": parse_json("--set", values) if values else None, "unset": unset or []}
        changed = _patch_chosen(collection, ids, ids_file, (filter, where), options)
    with seismic.open(collection) as index:
        typer.echo(f"documents {changed.updated or 0:,}: change {changed} of generation {index.generation}")


def _patch_chosen(
    collection: Path,
    ids: list[str] | None,
    ids_file: Path | None,
    filters: tuple[str | None, list[str] | None],
    options: dict[str, Any],
) -> Changed:
    with seismic.open(collection) as index:
        kind, wanted_filter = index.view.rules.schema.field("id").type, chosen_filter(index, *filters)
    if wanted_filter is not None:
        return seismic.patch(collection, filter=wanted_filter, **options)
    wanted = typed_ids(ids or [], kind, ["--id"] * len(ids or [])).to_pylist()
    wanted += read_ids(ids_file, kind).to_pylist() if ids_file else []
    return seismic.patch(collection, ids=wanted, **options)


def _rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of JSON lines with the numbers of their lines. Raises InputError."""
    rows = []
    source = STANDARD_INPUT if str(file) == "-" else file
    for number, line in enumerate(read_lines(source, "JSON lines"), 1):
        if not line:
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(f"{file}, line {number}: not valid JSON: {error}") from None
        if not isinstance(row, dict) or "id" not in row:
            raise InputError(f"{file}, line {number}: expected an object with `id`")
        rows.append((number, row))
    if not rows:
        raise InputError(f"{file}: found no lines, expected JSON lines with `id` and what to change")
    return rows
