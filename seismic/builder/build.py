"""Building a collection from vectors and documents, and publishing it as a generation."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from seismic.builder.bars import with_bars
from seismic.builder.fielded import with_fields
from seismic.builder.kept import measure_kept
from seismic.builder.plan import plan_shards
from seismic.builder.resume import Checkpoint, fingerprint
from seismic.builder.shards import Progress, write_shards
from seismic.builder.spread import spread
from seismic.builder.tasks import Runner, check_runner
from seismic.builder.texts import EncoderLike, check_texts_alone, documents_of, encoded_texts
from seismic.components import NARROW_DIMENSION
from seismic.conversion.numbers import as_count, as_path
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike
from seismic.documents.table import check_documents, split_table
from seismic.encoders import Encoder, EncoderEntry, as_encoder
from seismic.errors import InputError, ParameterError
from seismic.fields.entry import FieldEntry
from seismic.fields.joined import JoinedVocabulary, counter
from seismic.fields.specs import FieldsLike
from seismic.fields.vectors import FieldVectors, is_by_field
from seismic.kernels.maxima import has_superblocks
from seismic.layouts import LAYOUTS, LOSSY, storage_of
from seismic.params import BuildParams
from seismic.store.collection import GENERATIONS, current_generation
from seismic.store.failures import file_errors
from seismic.store.files import write_batches
from seismic.store.manifest import (
    BM25,
    CHUNKS,
    ENCODER,
    FIELDS,
    FORMAT_MAJOR,
    FORMAT_MINOR,
    STRICT,
    SUPERBLOCKS,
    VOCABULARY,
    WIDE,
    FileEntry,
    Kept,
    Manifest,
    ShardEntry,
)
from seismic.store.publish import (
    KEEP,
    check_output,
    forget_resumed,
    mark_resumed,
    resumed_build,
    staging,
    tidy_log,
    void_changes,
)
from seismic.store.schema import vocabulary_schema
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.version import __version__
from seismic.vocabulary import Vocabulary, inverse_document_frequency
from seismic.weight_range import RangeWarning, range_problem

COUNTED = 1 << 24
"""Components counted together."""

T = TypeVar("T")


@with_bars
def build(
    vectors: "VectorsLike | FieldVectors | str | Path | None" = None,
    out: str | Path | None = None,
    *,
    texts: Sequence[str] | None = None,
    ids: Sequence[str] | Sequence[int] | None = None,
    documents: TableLike | None = None,
    vocabulary: Vocabulary | Sequence[str] | None = None,
    encoder: EncoderLike | None = None,
    chunk: int | None = None,
    overlap: int = 0,
    fields: FieldsLike | None = None,
    params: BuildParams | None = None,
    queries: "VectorsLike | None" = None,
    shards: int = 1,
    workers: int = 1,
    memory: int | None = None,
    resume: bool = False,
    replace: bool = False,
    strict: bool = False,
    keep: int = KEEP,
    progress: Progress | bool | None = None,
    runner: Runner | None = None,
) -> Path:
    """Build an index, publish it as a generation of the collection `out`, and return the generation's folder.

    `vectors`: SparseVectors, a scipy sparse matrix or torch tensor [n, dimension], a table (Arrow, pandas or Polars)
    with `indices` and `values`, or a list of vectors, which may be token weights if there is a vocabulary.
    `documents`: a table of n rows with a column `id` (strings or integers, unique) and payload columns. None takes the
    other columns of the table of vectors, and numbers the documents from 0 if there is no `id`. `vocabulary`: the
    tokens of the components, for queries by token. `encoder`: encodes texts of queries, and of documents without
    vectors; it brings its own vocabulary. `queries`: real queries for measuring which share of the exact answers the
    layout `small` keeps; None makes them from documents.

    `fields`: named vectors with their options, as for `create`. `vectors` is then a mapping from name to vectors, or a
    table with columns `<name>.indices` and `<name>.values`. Such a mapping alone makes fields without options.

    In place of vectors, `build(out, texts=..., ids=...)` takes the texts of documents, and stores them in the column
    `text`. `encoder` may then be a name, `splade-tiny` by default, or `Bm25` with its parameters. `chunk` cuts texts
    into chunks of at most this many word pieces, each a document of its own with the columns `parent`, `chunk`, `start`
    and `end`, and `overlap` repeats the last of them in the next chunk.

    `shards`: equal ranges of documents. `workers`: threads; the bytes do not depend on them. `memory`: limit of
    anonymous memory in bytes; if needed, shards become smaller and fewer are built at once. `resume`: finished shards
    survive an interruption, even by `kill -9`, and the next build with `resume` and the same input and parameters
    continues with them; the bytes are the same. `replace`: publish a new generation into an existing collection. The
    `keep` newest generations stay, and older ones while they are open. `strict`: refuse changes with columns, tokens or
    components that the build does not have; otherwise they are added. `runner`: builds the shards in other processes,
    such as `seismic.cluster.RayRunner`, which must see the folder of the collection. `memory` is then the limit of one
    shard. The bytes are the same. `progress`: called with each stage, or True for bars on a terminal or in a notebook.

    Raises InputError, ParameterError, or StorageError (OutputExistsError, LockedError). Nothing half-written is ever
    served, and nothing is left behind without `resume`. Warns (RangeWarning) of weights that 16 bits cannot hold beside
    the heaviest one of their document.
    """
    report = None if isinstance(progress, bool) else progress
    if texts is None:
        _check_texts_options(ids=ids, chunk=chunk, overlap=overlap or None)
        if vectors is None or out is None:
            raise ParameterError("found no vectors, expected build(vectors, out), or build(out, texts=...)")
    else:
        place, chunking = check_texts_alone(
            vectors, out, chunk, overlap, vocabulary=vocabulary, fields=fields, queries=queries
        )
        check_output(as_path(place), replace=replace, resume=resume)  # before texts are encoded
        table = documents_of(texts, ids, documents)
        vectors, documents, encoder = encoded_texts(table, encoder, chunking, workers, report)
        out = place
    out, params = as_path(out), _checked(params, BuildParams, "params") or BuildParams()
    shards, workers, keep = as_count("shards", shards), as_count("workers", workers), as_count("keep", keep)
    memory = None if memory is None else as_count("memory", memory)
    if not (vocabulary is None or isinstance(vocabulary, Vocabulary)):
        vocabulary = Vocabulary(vocabulary)
    encoder = _only_encoder(encoder)
    check_runner(runner)
    named: Sequence[FieldEntry] = vocabulary.fields if isinstance(vocabulary, JoinedVocabulary) else ()
    if fields is not None or is_by_field(vectors):
        _check_alone(vocabulary=vocabulary, encoder=encoder)
        vectors, documents, vocabulary, encoder, named = with_fields(vectors, documents, fields)
    if encoder is not None:
        if vocabulary is not None and not vocabulary.tokens.equals(encoder.vocabulary.tokens):
            raise InputError(f"found another vocabulary than that of encoder '{encoder.name}'; leave it out")
        vocabulary = encoder.vocabulary
    vectors, documents = split_table(vectors, documents)
    vectors = as_vectors(vectors, vocabulary.component if vocabulary else None)
    storage = storage_of(params.layout, several_fields=len(named) > 1)
    if problem := range_problem(vectors, storage):
        warnings.warn(problem, RangeWarning, stacklevel=3)  # past `with_bars`
    if vocabulary is not None:
        vocabulary.check_unique()
        if len(vocabulary) < vectors.dimension:
            raise InputError(
                f"vocabulary: found {len(vocabulary)} tokens for vectors of dimension {vectors.dimension}, expected at "
                "least as many"
            )
        vectors = vectors.widened(len(vocabulary))
    if queries is not None and not storage.lossy:
        raise ParameterError(
            f"queries measure what a lossy layout ({', '.join(LOSSY)}) keeps; '{params.layout}' keeps everything: "
            "leave them out"
        )
    if queries is not None and len(named) > 1:
        raise ParameterError("queries measure collections of a single field; leave them out")
    given_queries = None if queries is None else as_vectors(queries)
    table = check_documents(documents, len(vectors))
    _check_counts(len(vectors), shards)
    vectors, table = _in_order_of(params, vectors, table, out)
    plan = plan_shards(vectors, params, shards, 1 if runner else workers, memory)
    names = [field.name for field in named]
    identity = fingerprint(vectors, table, params, plan.ranges, names) if resume else ""
    if resume and not replace and resumed_build(out) == identity:  # killed after it was published
        return out / GENERATIONS / current_generation(out)
    with ExitStack() as published, staging(out, replace=replace, keep=keep, resume=resume) as (folder, generation):
        before = Checkpoint(folder, identity) if resume else None
        counted = counter(named, vocabulary)
        several = len(named) > 1
        entries = write_shards(folder, vectors, table, params, plan, report, before, counted, several, runner)
        kept = []
        if storage.lossy:
            kept = measure_kept(vectors, storage, given_queries, workers, lambda *done: _tell(report, "measure", *done))
        sequence = void_changes(out, published)
        entry = encoder.entry if encoder else None
        write_manifest(folder, generation, vectors, vocabulary, entry, params, entries, kept, sequence, strict, named)
        if before:
            before.forget()
            mark_resumed(out, generation, identity)
    tidy_log(out)
    forget_resumed(out)
    return out / GENERATIONS / generation


def write_manifest(
    folder: Path,
    generation: str,
    vectors: SparseVectors,
    vocabulary: Vocabulary | None,
    encoder: EncoderEntry | None,
    params: BuildParams,
    shards: list[ShardEntry],
    kept: list[Kept],
    sequence: int,
    strict: bool,
    fields: Sequence[FieldEntry] = (),
) -> None:
    """Write the vocabulary and the manifest of a generation whose shards are written.

    `encoder`: of all documents, or of a single field.
    """
    Manifest(
        format=f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
        reader_features=_reader_features(params, vectors, fields, shards),
        writer_features=_writer_features(encoder, strict, fields),
        generation=generation,
        layout=params.layout,
        documents=len(vectors),
        dimension=vectors.dimension,
        nnz=sum(shard.nnz for shard in shards),
        build=params.model_dump(exclude=None if params.shard_by == "hash" else {"shard_by"}),  # unknown to 0.1
        versions={"seismic": __version__, **{name: version(name) for name in ("numba", "numpy", "pyarrow")}},
        vocabulary=None if vocabulary is None else _write_vocabulary(folder / VOCABULARY, vocabulary, vectors),
        shards=shards,
        columns="strict" if strict else "open",
        kept=kept,
        sequence=sequence,
        encoder=encoder,
        fields=[fields[0].model_copy(update={"encoder": None})] if len(fields) == 1 else list(fields),
    ).write(folder)


def _in_order_of(
    params: BuildParams, vectors: SparseVectors, table: pa.Table, out: Path
) -> tuple[SparseVectors, pa.Table]:
    """Return the documents in the order in which they are cut into shards."""
    if params.shard_by == "range":
        return vectors, table
    folder = next(folder for folder in out.absolute().parents if folder.exists())
    with file_errors("write to", folder):
        return spread(vectors, table, folder)


def _reader_features(
    params: BuildParams, vectors: SparseVectors, fields: Sequence[FieldEntry], shards: Sequence[ShardEntry]
) -> list[str]:
    needed = {
        WIDE: vectors.dimension > NARROW_DIMENSION,
        FIELDS: len(fields) > 1,
        SUPERBLOCKS: any(has_superblocks(shard.documents) for shard in shards),
    }
    return [*LAYOUTS[params.layout].reader_features, *(name for name, is_needed in needed.items() if is_needed)]


def _writer_features(encoder: EncoderEntry | None, strict: bool, fields: Sequence[FieldEntry]) -> list[str]:
    encoders = [one for one in (encoder, *(field.encoder for field in fields)) if one is not None]
    bm25 = any(one.bm25 is not None for one in encoders)
    chunks = any(one.chunks is not None for one in encoders)
    needed = {ENCODER: bool(encoders), BM25: bm25, CHUNKS: chunks, STRICT: strict, FIELDS: bool(fields)}
    return [feature for feature, used in needed.items() if used]


def _checked(value: T, kind: type, name: str) -> T:
    if value is None or isinstance(value, kind):
        return value
    raise ParameterError(f"{name} is {excerpt(value)}, expected {kind.__name__}")


def _only_encoder(encoder: EncoderLike | None) -> Encoder | None:
    return None if encoder is None else as_encoder(encoder)


def _check_texts_options(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ParameterError(f"found {name} without texts; vectors have ids in documents, and are not cut")


def _check_alone(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise ParameterError(f"found {name} next to fields, expected it in the options of a field")


def _check_counts(documents: int, shards: int) -> None:
    if documents == 0:
        raise InputError("found no vectors, expected at least one document")
    if documents > 1 << 32:
        raise InputError(f"found {documents} documents, expected at most {1 << 32}")
    if shards > documents:
        raise ParameterError(f"shards is {shards}, expected 1 to {documents}, the number of documents")


def _tell(progress: Progress | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(stage, done, total)


def _write_vocabulary(path: Path, vocabulary: Vocabulary, vectors: SparseVectors) -> FileEntry:
    frequency = np.zeros(vectors.dimension, np.int64)
    for first in range(0, vectors.nnz, COUNTED):  # bounded, because NumPy copies them to 64 bits
        frequency += np.bincount(vectors.components[first : first + COUNTED], minlength=vectors.dimension)
    idf = inverse_document_frequency(frequency, len(vectors))
    batch = pa.record_batch([vocabulary.tokens, pa.array(frequency), pa.array(idf)], schema=vocabulary_schema())
    return write_batches(path, vocabulary_schema(), [batch])
