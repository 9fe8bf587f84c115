"""`seismic upsert`: add documents to an existing collection."""

from functools import cache, partial
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from seismic import SparseVectors, Vocabulary
from seismic.changes.evolution import TokenMap, extension
from seismic.changes.fielded import Origin, Origins
from seismic.changes.records import Change, Rules, Upsert, upsert_changes
from seismic.changes.updates import Writer
from seismic.edits.chunks import stale_chunks
from seismic.edits.editor import Committed, Edit, Editor
from seismic.edits.state import State
from seismic.encoders import Encode, GrowingEncoder, load_recorded
from seismic.encoders.chunks import PARENT
from seismic.filters.columns import is_time
from seismic_tools.readers import INPUTS, Reading, Texts, Tokens, collect, folder_for, read_collection, with_times
from seismic_tools.readers.chunks import ChunkedTexts
from seismic_tools.readers.field_options import upsert_texts
from seismic_tools.readers.ids import read_ids
from seismic_tools.terminal.progress import Report, progress

app = typer.Typer(add_completion=False)

ROWS = 1 << 12
"""Documents per change. A change takes effect as a whole and is read back into memory as a whole."""


@app.command()
def upsert(
    collection: Annotated[Path, typer.Argument(metavar="COLLECTION", help="Folder of the collection.")],
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help=INPUTS)],
    id_field: Annotated[
        str | None, typer.Option(help="Field with the id of a document.", show_default="id, or _id")
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="File with one id per line, for formats without ids: .npz, .csr, .bin.", show_default=False),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Sort components, sum duplicates, drop zeros.")] = False,
    workers: Annotated[int, typer.Option(help="Threads for encoding texts.")] = 1,
) -> None:
    """Add documents to a collection, replacing those with the same id.

    Inputs have the formats of `seismic build`; ids and columns must have the
    types of the collection. Missing columns are null; documents without any
    column keep their stored payload. Documents without a vector are encoded
    with the encoder of the collection, if it has one, and cut into chunks if it
    was built with --chunk; the chunks that they had before are removed.

    New columns are added, and integer columns become floats if a document
    needs it. New tokens and larger components are added, unless the collection
    has an encoder other than BM25. In a collection built or created with --strict all of these
    are errors.

    All documents are checked before the first one is stored. A running service
    returns them within a second.

    Examples:

        seismic upsert scifact changed.jsonl
    """
    writer = Writer(collection)
    with progress() as report:
        rules, scratch = writer.rules, folder_for(collection)
        known = rules.vocabulary.tokens.to_pylist() if rules.vocabulary else []
        named = read_ids(ids, rules.schema.field("id").type) if ids else None
        tokens = Tokens(known, growing=TokenMap(rules).grows)
        several = upsert_texts(rules, workers, report) if len(rules.fields) > 1 else None
        if several:
            tokens = several.tokens
        texts = several or _texts(rules, tokens, workers, report)
        chunked = texts if isinstance(texts, ChunkedTexts) else None
        reading = Reading(
            tokens,
            None if rules.grows else rules.dimension,
            repair,
            scratch=scratch,
            texts=texts,
            id_field=id_field,
            ids=named,
        )
        kinds = {field.name: field.type for field in rules.schema if is_time(field.type)}
        read = with_times(read_collection(inputs, reading, partial(report, "read")), kinds, complete=False)
        if several:
            read = several.without_vectors(read)
        if chunked:
            read = chunked.chunks(read)
        with collect(read, beside=collection) as found:
            rows = len(found.vectors)
            vocabulary = Vocabulary(tokens) if tokens else None
            rules = rules.after(extension(vocabulary, rules))
            checked = upsert_changes(found.vectors, found.documents, rules)[-1]
            assert isinstance(checked, Upsert)
            for first in range(0, rows, ROWS):
                last = min(first + ROWS, rows)
                part = checked.vectors.slice(first, last), checked.documents.slice(first, last - first)
                if chunked:
                    sequence = _replace_chunks(collection, vocabulary, *part, found.documents["id"])
                elif several:
                    sequence = writer.append(partial(_joined, vocabulary, *part))
                else:
                    sequence = writer.upsert(*part, Origins(Origin(vocabulary, rules.encoder)))
                report("upsert", last, rows)
    if texts and texts.documents:
        typer.echo(texts)
    typer.echo(f"documents {rows:,}: change {sequence} of generation {writer.generation}")


def _replace_chunks(
    collection: Path, vocabulary: Vocabulary | None, vectors: SparseVectors, documents: pa.Table, fresh: pa.ChunkedArray
) -> int:
    """Upsert chunks, and remove those that their documents have beyond the `fresh` ids."""

    def make(rules: Rules, state: State) -> list[Change]:
        parents = documents[PARENT].combine_chunks()
        return [*stale_chunks(parents, fresh, rules, state), *_joined(vocabulary, vectors, documents, rules)]

    (outcome,) = Editor(collection).commit([Edit(make, depends=True)])
    if not isinstance(outcome, Committed):
        raise outcome
    return outcome.sequence


def _joined(vocabulary: Vocabulary | None, vectors: SparseVectors, documents: pa.Table, rules: Rules) -> list[Change]:
    """Return the changes by vectors of a joined vocabulary, which may have more tokens at its end."""
    grown: list[Change] = [*extension(vocabulary, rules)]
    rules = rules.after(grown)
    rules.check_origin(vocabulary)
    return [*grown, *upsert_changes(vectors, documents, rules)]


def _texts(rules: Rules, tokens: Tokens, workers: int, report: Report) -> Texts | None:
    entry = rules.encoder
    if entry is None:
        return None
    grows = entry.bm25 is not None and rules.grows

    if entry.chunks is not None:
        own = load_recorded(entry, rules.vocabulary)
        encode_chunks = GrowingEncoder(entry, tokens.__getitem__) if grows else own.encode_documents
        threads = 1 if grows else workers
        return ChunkedTexts(encode_chunks, entry.fields, own.locate, entry.chunks, threads=threads, report=report)

    @cache
    def encode() -> Encode:
        if grows:
            return GrowingEncoder(entry, tokens.__getitem__)
        return load_recorded(entry, rules.vocabulary).encode_documents

    return Texts(
        lambda texts: encode()(texts),  # loaded only if there are texts
        entry.fields,
        threads=1 if grows else workers,  # new words are numbered by appearance
        preferred=entry.bm25 is not None,  # vectors that come with texts are of another encoder
        complete=False,
        report=report,
    )
