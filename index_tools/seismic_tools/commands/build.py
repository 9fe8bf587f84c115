"""`seismic build`: build an index from files."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.filesize import decimal

import seismic
from seismic import Bm25, BuildParams, Encoder, ParameterError, SparseVectors, Vocabulary
from seismic.conversion.sizes import parse_bytes
from seismic.encoders import TermCounter, located_words
from seismic.encoders.bm25 import NAME as BM25
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
from seismic_tools.readers.chunks import ChunkedTexts, chunking_of
from seismic_tools.readers.field_options import FieldBuild, parse_field_options
from seismic_tools.readers.ids import read_ids
from seismic_tools.readers.quality import batches, select
from seismic_tools.readers.queries import read_queries
from seismic_tools.readers.spool import with_weights
from seismic_tools.terminal.options import Chunk, NewFields, NewIdf, NewWeights, Overlap, check_bm25, with_params
from seismic_tools.terminal.progress import progress
from seismic_tools.terminal.ray import RayAddress, runner_of

app = typer.Typer(add_completion=False)


@app.command()
@with_params
def build(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help=INPUTS)],
    out: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    vocabulary: Annotated[
        Path | None,
        typer.Option(help="Vocabulary file: one token per line; the line number, from 0, is the component."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder for queries, and for documents without a vector: splade-tiny, bm25, or ./FOLDER."),
    ] = None,
    text_fields: Annotated[
        str | None,
        typer.Option(help="Columns to join and encode, separated by commas.", show_default=",".join(TEXT)),
    ] = None,
    chunk: Chunk = None,
    overlap: Overlap = None,
    field: NewFields = None,
    weight: NewWeights = None,
    idf: NewIdf = None,
    dates: Annotated[
        str | None,
        typer.Option(
            help="Text columns to store as dates such as 2024-05-01, separated by commas.", show_default=False
        ),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(help="Text columns to store as UTC times, such as 2024-05-01T12:00:00+02:00.", show_default=False),
    ] = None,
    query_encoder: Annotated[
        Literal["own", "idf"] | None,
        typer.Option(
            help="`idf` encodes queries without a model: each word weighs its inverse document frequency.",
            show_default="own",
        ),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(help="Size of the vocabulary. Components of INPUT beyond it are errors.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries for measuring the recall of the layout `small`, in any format of INPUT.",
            show_default="generated from the documents",
        ),
    ] = None,
    id_field: Annotated[
        str | None, typer.Option(help="Field with the id of a document.", show_default="id, or _id")
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="File with one id per line, for formats without ids: .npz, .csr, .bin.", show_default=False),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Sort components, sum duplicates, drop zeros.")] = False,
    shards: Annotated[int, typer.Option(help="Number of shards, each an equal range of the documents.")] = 1,
    workers: Annotated[int, typer.Option(help="Threads. The result does not depend on their number.")] = 1,
    memory: Annotated[
        str | None,
        typer.Option(help="Memory limit of the build, such as 8GB. Shards are made small enough to keep it."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep finished shards when interrupted, and continue an interrupted build."),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Publish a new generation into an existing collection.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse later documents with new columns, tokens or components."),
    ] = False,
    keep: Annotated[
        float | None,
        typer.Option(help="Share of the documents to keep, best quality first.", show_default="all"),
    ] = None,
    quality_column: Annotated[
        str | None,
        typer.Option(help="Numeric column with the quality of a document.", show_default="length of the vector"),
    ] = None,
    keep_generations: Annotated[int, typer.Option(help="Number of generations to keep. Those in use stay too.")] = KEEP,
    ray: RayAddress = None,
    *,
    params: BuildParams,
    bm25: Bm25,
) -> None:
    """Build an index from files of documents with sparse vectors or texts.

    A document has an `id`, a vector, an optional `text` (in JSON lines also
    `content` or `contents`) and any metadata. A vector is either `indices` and
    `values`, or a map `vector` (or `tokens`) from token to weight. Tokens are
    looked up in the vocabulary file; without one they are numbered in order of
    appearance.

    An encoder encodes the documents without a vector, on `--workers` threads.
    The collection stores its name and uses it for queries. `bm25` learns its
    vocabulary from the texts of all documents; vectors in the input are unused.

    --chunk cuts long texts. A chunk has the document's other columns, its id in
    `parent`, and the characters `start` to `end` of the text. --group-by parent
    then finds documents by their best passage.

    With several --field, documents have a vector for each: in the columns
    NAME.indices and NAME.values, or encoded from the field's columns. A vector
    without a name is that of the first field other than bm25.

    Examples:

        seismic build corpus.jsonl scifact --encoder splade-tiny --text-fields title,text

        seismic build corpus.jsonl scifact --encoder bm25 --stemmer english --stop-words english

        seismic build corpus.jsonl scifact --field splade=splade-tiny:title,text --field bm25=bm25:title,text

        seismic build corpus.jsonl scifact --field bm25=bm25:title,text --field tags=tokens --weight tags=0.5 --idf tags

        seismic build corpus.jsonl passages --encoder splade-tiny --chunk 200 --overlap 40

        zcat corpus.jsonl.gz | seismic build - scifact --encoder splade-tiny

        seismic build vectors.npz scifact --ids ids.txt

        seismic build documents.parquet scifact --vocabulary vocab.txt

        seismic build news.jsonl news --encoder splade-tiny --dates published --times changed

        seismic build corpus/*.jsonl.gz msmarco --shards 8 --workers 8

        seismic build encoded/ marco --memory 8GB --workers 2 --resume

        seismic build encoded/ scifact --replace --summary-energy 0.5

        seismic build documents.parquet scifact --layout small --queries queries.parquet

        seismic build documents.parquet scifact --keep 0.75 --quality-column clicks

        seismic build encoded/ /shared/marco --shards 64 --ray 10.0.0.1:6379 --resume
    """
    began, limit = time.perf_counter(), parse_bytes(memory) if memory else None
    check_output(out, replace=replace, resume=resume)  # before hours of reading
    runner = runner_of(ray, workers, limit)
    _check_options(encoder, {"--vocabulary": vocabulary, "--dimension": dimension}, wanted=False)
    _check_options(encoder, {"--text-fields": text_fields, "--query-encoder": query_encoder}, wanted=True)
    named_fields = parse_field_options(field or [], weight or [], idf or [], bm25)
    single: dict[str, Any] | None = None
    if named_fields:
        _check_options(None, {"--encoder": encoder, "--text-fields": text_fields}, wanted=True, needed="no --field")
    if len(named_fields) == 1:
        (single,) = named_fields.values()
        encoder, columns = single.get("encoder"), single.get("columns")
        text_fields = None if columns is None else ",".join(columns)
    check_bm25(bm25, BM25 if any(one.get("encoder") == BM25 for one in named_fields.values()) else encoder)
    if len(named_fields) > 1:
        _check_options(None, {"--vocabulary": vocabulary, "--dimension": dimension}, wanted=True, needed="no --field")
        _check_options(None, {"--queries": queries, "--repair": repair or None}, wanted=True, needed="a single --field")
    chunking = chunking_of(chunk, overlap)
    _check_options(encoder, {"--chunk": chunk}, wanted=True, needed="--encoder, or a single --field with one")
    counter = TermCounter(bm25) if encoder == BM25 else None
    own = seismic.load_encoder(encoder) if encoder and not counter else None
    if own and chunking:
        own.recorded(chunks=chunking)  # checks the size before anything is read
    known = own.vocabulary if own else read_vocabulary(vocabulary) if vocabulary else None
    tokens = Tokens(known.tokens.to_pylist(), growing=False) if known else Tokens()
    with progress() as report:
        fields = field_names(text_fields)
        texts = Texts(own.encode_documents, fields, threads=workers, report=report) if own else None
        if counter:  # numbers words by appearance, on one thread
            texts = Texts(counter, fields, always=True, report=report)
        if chunking:
            locate = own.locate if own else partial(located_words, Vocabulary([]))
            encode = own.encode_documents if own else counter
            assert encode is not None
            threads = workers if own else 1
            texts = chunked = ChunkedTexts(encode, fields, locate, chunking, threads=threads, report=report)
        width = len(tokens) if known and dimension is None else dimension
        named = read_ids(ids) if ids else None
        scratch = folder_for(out)
        several = FieldBuild(named_fields, workers, report) if len(named_fields) > 1 else None
        if several:
            texts = several.texts
        reading = Reading(tokens, width, repair, scratch=scratch, texts=texts, id_field=id_field, ids=named)
        read = with_times(read_collection(inputs, reading, partial(report, "read")), kinds_of(dates, times))
        if several:
            read = several.texts.without_vectors(read)
        if chunking:
            read = chunked.chunks(read)
        with _collected(read, out, keep, quality_column) as (collection, left_out):
            if counter:
                own = counter.encoder(collection.vectors)
                collection = with_weights(collection, own, scratch)
            words: Vocabulary | None
            if several:
                collection, words = several.finished(collection, scratch)
            elif own and texts:
                own = own.recorded(fields=texts.fields, queries=query_encoder, cut=texts.cut, chunks=chunking)
            if not several:
                words = own.vocabulary if own else Vocabulary(tokens) if tokens else None
            alone = None
            if single is not None:
                (name,) = named_fields
                options = {"weight": single.get("weight", 1.0), "idf": single.get("idf", False)}
                alone = {name: {**options, "encoder": own, "vocabulary": None if own else words}}
            generation = seismic.build(
                collection.vectors,
                out,
                documents=collection.documents,
                vocabulary=None if alone else words,
                encoder=None if alone else own,
                fields=alone,
                params=params,
                queries=_recall_queries(queries, words, own),
                shards=shards,
                workers=workers,
                memory=limit,
                resume=resume,
                replace=replace,
                strict=strict,
                keep=keep_generations,
                progress=report,
                runner=runner,
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
            f"recall {kept.recall:.3f} ({kept.lower:.3f} to {kept.upper:.3f}) of the exact top {kept.k}, measured with "
            f"{kept.queries} {'given queries' if queries else 'queries generated from the documents'}"
        )


@contextmanager
def _collected(
    read: Iterator[Batch], out: Path, keep: float | None, column: str | None
) -> Iterator[tuple[Collection, str]]:
    """The documents to index, and a sentence about those left out."""
    if keep is None and column is not None:
        raise ParameterError(f"--quality-column {column}: needs --keep, the share of the documents to keep")
    with collect(read, beside=out) as collection:
        if keep is None:
            yield collection, ""
            return
        kept, least = select(collection, keep, column)
        with collect(batches(collection, kept), beside=out) as rest:
            gone, name = len(kept) - len(rest.vectors), column or "length of the vector"
            yield rest, f"left out {gone:,} of {len(kept):,} documents, whose {name} is at most {least:.6g}"


def _recall_queries(path: Path | None, vocabulary: Vocabulary | None, encoder: Encoder | None) -> SparseVectors | None:
    texts = Texts(encoder.encode_queries) if encoder else None
    return read_queries(path, vocabulary, texts=texts).vectors if path else None


def _check_options(encoder: str | None, options: dict[str, Any], *, wanted: bool, needed: str = "--encoder") -> None:
    """Raise ParameterError for options that need an encoder, or that exclude one."""
    for name, value in options.items():
        if value is not None and wanted != bool(encoder):
            raise ParameterError(f"{name} needs {needed}" if wanted else f"{name}: remove it; --encoder brings its own")
