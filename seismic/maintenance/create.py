"""Create an empty collection."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from seismic.builder.build import write_manifest, write_shards
from seismic.builder.plan import plan_shards
from seismic.changes.evolution import ColumnTypes, parse_columns
from seismic.conversion.numbers import as_count, as_path
from seismic.conversion.plain import excerpt
from seismic.documents.types import parse_type
from seismic.encoders import Encoder
from seismic.errors import ParameterError
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
    encoder: Encoder | None = None,
    columns: ColumnTypes | pa.Schema | None = None,
    ids: pa.DataType | str = "string",
    layout: Layout = DEFAULT,
    strict: bool = False,
) -> Path:
    """Publish the first generation of a collection without documents, and return its folder.

    Components are below `dimension`, or are those of `vocabulary` or of `encoder`; at most one of the three is given.
    Without an encoder, they grow with later documents; without all three, they start from none. `columns`: the payload
    columns with their types; documents may add others. `ids`: "string" or an integer type. `strict`: refuse documents
    with other columns, tokens or components.

    Raises ParameterError, InputError, OutputExistsError if `path` is in use, or another StorageError.
    """
    out, params = as_path(path), BuildParams(layout=layout)
    given = {"dimension": dimension, "vocabulary": vocabulary, "encoder": encoder}
    found = [name for name, value in given.items() if value is not None]
    if len(found) > 1:
        raise ParameterError(f"found {' and '.join(found)}, expected one of them")
    if not isinstance(strict, bool):
        raise ParameterError(f"strict is {excerpt(strict)}, expected True or False")
    if strict and not found:
        raise ParameterError("strict: found no dimension, vocabulary or encoder, expected one of them, as none grows")
    if strict and encoder is not None and isinstance(encoder, Encoder) and not len(encoder.vocabulary):
        raise ParameterError(f"strict: encoder '{encoder.name}' has no words yet, so that none could ever be found")
    words = _vocabulary(vocabulary, encoder)
    size = len(words) if words is not None else as_count("dimension", dimension or 0, 0)
    if size > MAX_DIMENSION:
        raise ParameterError(f"dimension is {size}, expected at most {MAX_DIMENSION}")
    schema = pa.schema([pa.field("id", _id_type(ids)), *parse_columns(columns or {})])
    vectors = SparseVectors.from_dicts([], size)
    with staging(out, replace=False, what="creation") as (folder, generation):
        plan = plan_shards(vectors, params, 1, 1)
        entries = write_shards(folder, vectors, schema.empty_table(), params, plan, None)
        entry = encoder.entry if encoder else None
        write_manifest(folder, generation, vectors, words, entry, params, entries, [], 0, strict)
    return out / GENERATIONS / generation


def _vocabulary(vocabulary: Vocabulary | Sequence[str] | None, encoder: Encoder | None) -> Vocabulary | None:
    if encoder is not None:
        if not isinstance(encoder, Encoder):
            raise ParameterError(f"encoder is {excerpt(encoder)}, expected an Encoder; load_encoder returns one")
        return encoder.vocabulary
    words = vocabulary if vocabulary is None or isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
    if words is not None:
        words.check_unique()
    return words


def _id_type(kind: Any) -> pa.DataType:
    found = parse_type(kind, "ids")
    if not (pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_integer(found)):
        raise ParameterError(f"ids: found {found}, expected string or an integer type such as int64")
    return found
