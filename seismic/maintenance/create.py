"""Create an empty collection."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from seismic.builder.build import write_manifest
from seismic.builder.plan import plan_shards
from seismic.builder.shards import write_shards
from seismic.changes.evolution import ColumnTypes, parse_columns
from seismic.conversion.numbers import as_count, as_path
from seismic.conversion.plain import excerpt
from seismic.documents.chunked import CHUNK_COLUMNS
from seismic.documents.types import parse_type
from seismic.encoders import Encoder, as_encoder
from seismic.errors import ParameterError
from seismic.fields.joined import counter
from seismic.fields.specs import FieldsLike, FieldSpec, initial_vocabulary, parse_fields
from seismic.layouts import DEFAULT, Layout
from seismic.params import BuildParams
from seismic.store.collection import GENERATIONS
from seismic.store.publish import staging
from seismic.vectors import MAX_DIMENSION, SparseVectors
from seismic.vocabulary import Vocabulary


def create(
    path: str | Path,
    *,
    dimension: int | None = None,
    vocabulary: Vocabulary | Sequence[str] | None = None,
    encoder: Encoder | str | Path | None = None,
    fields: FieldsLike | None = None,
    columns: ColumnTypes | pa.Schema | None = None,
    ids: pa.DataType | str = "string",
    layout: Layout = DEFAULT,
    strict: bool = False,
) -> Path:
    """Publish the first generation of a collection without documents, and return its folder.

    Components are below `dimension`, or are those of `vocabulary` or of `encoder`, which may be a name or a folder; at
    most one of the three is given. Without an encoder, they grow with later documents; without all three, they start
    from none. `fields`: named vectors in place of a single one, by name, each with the options `encoder` (or its name),
    `bm25` (its parameters), `columns` (that the encoder reads), `vocabulary`, `weight` and `idf`; see docs/fields.md.
    `columns`: the payload columns with their types; documents may add others. `ids`: "string" or an integer type.
    `strict`: refuse documents with other columns, tokens or components.

    Raises ParameterError, InputError, OutputExistsError if `path` is in use, or another StorageError.
    """
    out, params = as_path(path), BuildParams(layout=layout)
    own = None if encoder is None else as_encoder(encoder)
    given = {"dimension": dimension, "vocabulary": vocabulary, "encoder": own}
    specs = [] if fields is None else parse_fields(fields)
    found = [name for name, value in given.items() if value is not None]
    if specs and found:
        raise ParameterError(f"found {found[0]} next to fields, expected it in the options of a field")
    if len(found) > 1:
        raise ParameterError(f"found {' and '.join(found)}, expected one of them")
    if not isinstance(strict, bool):
        raise ParameterError(f"strict is {excerpt(strict)}, expected True or False")
    words = initial_vocabulary(specs) if specs else _vocabulary(vocabulary, own)
    if strict:
        _check_strict(specs, found, own)
    size = len(words) if words is not None else as_count("dimension", dimension or 0, 0)
    if size > MAX_DIMENSION:
        raise ParameterError(f"dimension is {size}, expected at most {MAX_DIMENSION}")
    schema = pa.schema([pa.field("id", _id_type(ids)), *parse_columns(columns or {})])
    if own is not None and own.entry.chunks is not None:
        schema = _with_chunks(schema)
    vectors = SparseVectors.from_dicts([], size)
    with staging(out, replace=False, what="creation") as (folder, generation):
        plan = plan_shards(vectors, params, 1, 1)
        named = [spec.entry for spec in specs]
        counted = counter(named, words)
        entries = write_shards(
            folder, vectors, schema.empty_table(), params, plan, None, counted=counted, several=len(named) > 1
        )
        entry = own.entry if own else named[0].encoder if len(named) == 1 else None
        write_manifest(folder, generation, vectors, words, entry, params, entries, [], 0, strict, named)
    return out / GENERATIONS / generation


def _check_strict(specs: Sequence[FieldSpec], found: Sequence[str], encoder: Encoder | None) -> None:
    """Raise ParameterError if a vector that has no components could get none."""
    for spec in specs:
        if not spec.tokens:
            raise ParameterError(
                f"strict: field '{spec.entry.name}' has no tokens yet, so that it could never have any"
            )
    if not specs and not found:
        raise ParameterError("strict: found no dimension, vocabulary or encoder, expected one of them, as none grows")
    if encoder is not None and not len(encoder.vocabulary):
        raise ParameterError(f"strict: encoder '{encoder.name}' has no words yet, so that none could ever be found")


def _vocabulary(vocabulary: Vocabulary | Sequence[str] | None, encoder: Encoder | None) -> Vocabulary | None:
    if encoder is not None:
        return encoder.vocabulary
    words = vocabulary if vocabulary is None or isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
    if words is not None:
        words.check_unique()
    return words


def _with_chunks(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the columns of chunks. Raises ParameterError if it has them, or other ids than strings."""
    if not pa.types.is_string(schema.field("id").type):
        raise ParameterError(f"ids: found {schema.field('id').type}, expected string, as chunks have such ids")
    if taken := [name for name in CHUNK_COLUMNS if name in schema.names]:
        raise ParameterError(f"columns: found '{taken[0]}', which chunks have anyway; leave it out")
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in CHUNK_COLUMNS.items())])


def _id_type(kind: Any) -> pa.DataType:
    found = parse_type(kind, "ids")
    if not (pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_integer(found)):
        raise ParameterError(f"ids: found {found}, expected string or an integer type such as int64")
    return found
