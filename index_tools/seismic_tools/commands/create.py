"""`seismic create`: create an empty collection."""

from pathlib import Path
from typing import Annotated

import typer

import seismic
from seismic import Bm25, ParameterError
from seismic.documents.types import EXAMPLES
from seismic.encoders.bm25 import NAME as BM25
from seismic.layouts import DEFAULT, Layout
from seismic_tools.readers import read_vocabulary
from seismic_tools.readers.chunks import chunking_of
from seismic_tools.readers.field_options import parse_field_options
from seismic_tools.terminal.options import (
    Chunk,
    NewFields,
    NewIdf,
    NewWeights,
    Overlap,
    check_bm25,
    column_types,
    with_params,
)

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def create(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=TYPE", help=f"Payload column; repeatable. TYPE: {EXAMPLES}."),
    ] = None,
    ids: Annotated[str, typer.Option(help="Type of ids: string, or an integer type such as int64.")] = "string",
    dimension: Annotated[
        int | None, typer.Option(help="Number of components. Larger ones in later documents raise it.")
    ] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(help="Vocabulary file: one token per line; the line number, from 0, is the component."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder for texts of documents and queries: splade-tiny, bm25, or ./FOLDER.")
    ] = None,
    text_fields: Annotated[
        str, typer.Option(help="Columns to join and encode, separated by commas; needs --encoder.")
    ] = "text",
    chunk: Chunk = None,
    overlap: Overlap = None,
    field: NewFields = None,
    weight: NewWeights = None,
    idf: NewIdf = None,
    layout: Annotated[Layout, typer.Option(help="How vectors are stored, see `seismic build --help`.")] = DEFAULT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse documents with new columns, tokens or components.")
    ] = False,
    *,
    bm25: Bm25,
) -> None:
    """Create an empty collection.

    Documents come with `seismic upsert`. New columns, tokens and components
    are added as documents bring them, unless --strict is given; an encoder
    other than bm25 fixes the tokens.

    Examples:

        seismic create books --column title=string --column year=int32

        seismic create news --encoder splade-tiny --column 'published=timestamp[us, tz=UTC]'

        seismic create news --encoder bm25 --stemmer english --average-length 400

        seismic create news --field splade=splade-tiny --field bm25=bm25:title,text --weight splade=0.3

        seismic create news --field bm25=bm25:title,text --field tags=tokens --idf tags

        seismic create products --dimension 30522 --ids int64 --column 'tags=list<string>' --strict
    """
    if text_fields != "text" and not encoder:
        raise ParameterError("--text-fields needs --encoder")
    chunking = chunking_of(chunk, overlap)
    if chunking and not encoder:
        raise ParameterError("--chunk needs --encoder")
    fields = parse_field_options(field or [], weight or [], idf or [], bm25)
    check_bm25(bm25, BM25 if any(one.get("encoder") == BM25 for one in fields.values()) else encoder)
    own = seismic.load_encoder(encoder, bm25 if encoder == BM25 else None) if encoder else None
    generation = seismic.create(
        collection,
        dimension=dimension,
        vocabulary=read_vocabulary(vocabulary) if vocabulary else None,
        encoder=own.recorded(fields=text_fields.split(","), chunks=chunking) if own else None,
        fields=fields or None,
        columns=column_types(columns or [], "--column"),
        ids=ids,
        layout=layout,
        strict=strict,
    )
    typer.echo(f"generation {generation.name} in {generation}")
