"""`seismic build`: files in, an index out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.filesize import decimal

import seismic
from seismic import BuildParams, Encoder, ParameterError, SparseVectors, Vocabulary
from seismic.store.publish import KEEP, check_output
from seismic_tools.readers import (
    INPUTS,
    TEXT,
    Batch,
    Collection,
    Reading,
    Texts,
    Tokens,
    collect,
    field_names,
    folder_for,
    kinds_of,
    read_collection,
    read_vocabulary,
    with_times,
)
from seismic_tools.readers.quality import batches, select
from seismic_tools.readers.queries import read_queries
from seismic_tools.terminal.options import with_params
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.sizes import parse_bytes

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def build(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help=INPUTS)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the collection.")],
    vocabulary: Annotated[
        Path | None, typer.Option(help="Tokens by component: one per line, line number = component, from 0.")
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Makes vectors of queries, and of documents that have none: splade-tiny, or ./FOLDER."),
    ] = None,
    text_fields: Annotated[
        str | None,
        typer.Option(help="Columns that are encoded, joined, separated by commas.", show_default=",".join(TEXT)),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(help="Columns of text, separated by commas, to keep as dates: 2024-05-01.", show_default=False),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(help="The same for times, kept in UTC: 2024-05-01T12:00:00+02:00.", show_default=False),
    ] = None,
    query_encoder: Annotated[
        Literal["own", "idf"] | None,
        typer.Option(
            help="`idf`: queries need no model, their words weigh by how few documents have them.", show_default="own"
        ),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(help="Size of the vocabulary; larger component ids are errors.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries by which to measure what the layout `small` keeps of exact answers, in any format of INPUT.",
            show_default="made of the documents",
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Sort components, add up duplicates, drop zeros.")] = False,
    shards: Annotated[int, typer.Option(help="Shards, equal ranges of the documents.")] = 1,
    workers: Annotated[int, typer.Option(help="Threads; the result does not depend on them.")] = 1,
    memory: Annotated[
        str | None,
        typer.Option(help="Memory that building may take, such as 8GB: shards are cut so that it is enough."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep finished shards if interrupted, and go on with those that are there."),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Publish a new generation into an existing collection.")
    ] = False,
    keep: Annotated[
        float | None,
        typer.Option(help="Share of the documents to keep, those of the highest quality.", show_default="all"),
    ] = None,
    quality_column: Annotated[
        str | None,
        typer.Option(help="Column of numbers that says how good a document is.", show_default="length of its vector"),
    ] = None,
    keep_generations: Annotated[
        int, typer.Option(help="Generations that stay; more, while someone has them open.")
    ] = KEEP,
    *,
    params: BuildParams,
) -> None:
    """Build an index from files of documents with sparse vectors, or texts.

    A document has an `id`, perhaps a `text` (in JSON lines also `content` or
    `contents`), a vector and any metadata. A vector is `indices` and `values`,
    or a map `vector` (or `tokens`) from token to weight. Tokens are looked up
    in the vocabulary file; without one they are numbered as they appear.

    An encoder makes vectors of documents that have none, with the threads that
    `--workers` says, and then of queries: the collection remembers it.

    Examples:

        seismic build corpus.jsonl scifact --encoder splade-tiny --text-fields title,text

        seismic build documents.parquet scifact --vocabulary vocab.txt

        seismic build news.jsonl news --encoder splade-tiny --dates published --times changed

        seismic build corpus/*.jsonl.gz msmarco --shards 8 --workers 8

        seismic build encoded/ marco --memory 8GB --workers 2 --resume

        seismic build encoded/ scifact --replace --summary-energy 0.5

        seismic build documents.parquet scifact --layout small --queries queries.parquet

        seismic build documents.parquet scifact --keep 0.75 --quality-column clicks
    """
    began, limit = time.perf_counter(), parse_bytes(memory) if memory else None
    check_output(out, replace=replace)  # before hours of reading, not after
    _check_options(encoder, {"--vocabulary": vocabulary, "--dimension": dimension}, wanted=False)
    _check_options(encoder, {"--text-fields": text_fields, "--query-encoder": query_encoder}, wanted=True)
    own = seismic.load_encoder(encoder) if encoder else None
    known = own.vocabulary if own else read_vocabulary(vocabulary) if vocabulary else None
    tokens = Tokens(known.tokens.to_pylist(), growing=False) if known else Tokens()
    with progress() as report:
        fields = field_names(text_fields)
        texts = Texts(own.encode_documents, fields, threads=workers, report=report) if own else None
        width = len(tokens) if known and dimension is None else dimension
        reading = Reading(tokens, width, repair, scratch=folder_for(out), texts=texts)
        read = with_times(read_collection(inputs, reading, partial(report, "read")), kinds_of(dates, times))
        with _collected(read, out, keep, quality_column) as (collection, left_out):
            if own and texts:
                own = own.recorded(fields=texts.fields, queries=query_encoder or "own", cut=texts.cut)
            words = Vocabulary(tokens) if tokens else None
            generation = seismic.build(
                collection.vectors,
                out,
                documents=collection.documents,
                vocabulary=words,
                encoder=own,
                params=params,
                queries=_asked(queries, words, own),
                shards=shards,
                workers=workers,
                memory=limit,
                resume=resume,
                replace=replace,
                keep=keep_generations,
                progress=report,
            )
    with seismic.open(out) as index:
        manifest = index.manifest
    seconds = time.perf_counter() - began
    if left_out:
        typer.echo(left_out)
    if texts and texts.documents:
        typer.echo(texts)
    typer.echo(
        f"documents {manifest.documents:,}, shards {len(manifest.shards)}, size {decimal(manifest.bytes)}, "
        f"{seconds:.1f} s: generation {manifest.generation} in {generation}"
    )
    for kept in manifest.kept:
        typer.echo(
            f"keeps {kept.recall:.3f} ({kept.lower:.3f} to {kept.upper:.3f}) of the exact top {kept.k}, by "
            f"{kept.queries} queries {'given' if queries else 'made of the documents'}"
        )


@contextmanager
def _collected(
    read: Iterator[Batch], out: Path, keep: float | None, column: str | None
) -> Iterator[tuple[Collection, str]]:
    """The documents to build of, and what to say of those left out."""
    if keep is None and column is not None:
        raise ParameterError(f"--quality-column {column}: says which documents to keep; --keep says how many")
    with collect(read, beside=out) as collection:
        if keep is None:
            yield collection, ""
            return
        kept, least = select(collection, keep, column)
        with collect(batches(collection, kept), beside=out) as rest:
            gone, name = len(kept) - len(rest.vectors), column or "length of the vector"
            yield rest, f"left out {gone:,} of {len(kept):,} documents, whose {name} is at most {least:.6g}"


def _asked(path: Path | None, vocabulary: Vocabulary | None, encoder: Encoder | None) -> SparseVectors | None:
    texts = Texts(encoder.encode_queries) if encoder else None
    return read_queries(path, vocabulary, texts=texts).vectors if path else None


def _check_options(encoder: str | None, options: dict[str, Any], *, wanted: bool) -> None:
    """ParameterError for options that go with an encoder only, or without one."""
    for name, value in options.items():
        if value is not None and wanted != bool(encoder):
            raise ParameterError(
                f"{name} is for builds with --encoder" if wanted else f"{name}: leave it out, --encoder has its own"
            )
