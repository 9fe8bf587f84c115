"""`seismic export`: write the documents of an index to a file."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

import seismic
from seismic import InputError, ParameterError, Vocabulary
from seismic.export.files import ENDINGS, check_free, ending_of, write_file
from seismic_tools.readers.ids import read_ids
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.where import FilterOption, WhereOption, chosen_filter
from seismic_tools.writers import write_vocabulary

app = typer.Typer(add_completion=False)


@app.command()
def export(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help=f"{', '.join(ENDINGS)}.")],
    filter: FilterOption = None,
    where: WhereOption = None,
    ids: Annotated[
        Path | None, typer.Option(help="Only documents with the ids in this file, one per line; - for standard input.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Payload columns to write, separated by commas.", show_default="all")
    ] = None,
    tokens: Annotated[bool, typer.Option("--tokens", help="Write vectors as maps from token to weight.")] = False,
    no_vectors: Annotated[bool, typer.Option("--no-vectors", help="Write ids and payload only.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite OUT.")] = False,
) -> None:
    """Write the documents of an index to a file.

    The file holds ids, vectors and payload: an index built from it gives the
    same answers. Values are those stored, which are rounded to 16 bits; the
    layout `small` has dropped some. Changes made meanwhile are not in the file,
    which appears when it is complete. The vocabulary, if any, is written to
    OUT.vocabulary.txt, for --vocabulary of `seismic build`; with --tokens it is
    not needed. Several fields have columns FIELD.indices, which hold tokens
    where the field has tokens, and FIELD.values, as `seismic build` reads them.

    Examples:

        seismic export scifact scifact.parquet

        seismic export scifact recent.jsonl.gz --where 'year>=2020'

        seismic export scifact some.jsonl --ids ids.txt --columns title,year --tokens
    """
    began = time.perf_counter()
    ending_of(out)
    check_free(out, replace=replace)
    if tokens and no_vectors:
        raise ParameterError("--tokens and --no-vectors: expected only one of them")
    with seismic.open(collection) as index, progress() as report:
        selection = index.select(
            chosen_filter(index, filter, where),
            ids=read_ids(ids, index.view.rules.schema.field("id").type).to_pylist() if ids else None,
            columns=None if columns is None else [name.strip() for name in columns.split(",")],
            with_vectors="tokens" if tokens else not no_vectors,
        )
        by_token = tokens or len(index.fields) > 1  # several fields write their tokens
        words = None if by_token or no_vectors else _vocabulary_beside(out, index.vocabulary)
        count = write_file(out, selection, replace=replace, progress=report)
    if words:
        typer.echo(f"note: {words} lists the tokens of the components, for --vocabulary", err=True)
    seconds = time.perf_counter() - began
    typer.echo(f"documents {count:,}, size {decimal(out.stat().st_size)}, {seconds:.1f} s: {out}")


def _vocabulary_beside(out: Path, vocabulary: Vocabulary | None) -> Path | None:
    """Write the vocabulary, if any, and return its file."""
    if vocabulary is None:
        return None
    words = out.with_name(f"{out.name}.vocabulary.txt")
    try:
        write_vocabulary(words, vocabulary.tokens.to_pylist())
    except InputError as error:
        raise InputError(f"{error}; add --tokens") from None
    return words
