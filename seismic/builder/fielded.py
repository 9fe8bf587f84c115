"""The vectors, the vocabulary and the encoder of a build with fields."""

from typing import Any, NamedTuple

import pyarrow as pa

from seismic.conversion.tables import TableLike
from seismic.encoders import Encoder
from seismic.errors import ParameterError
from seismic.fields.entry import FieldEntry
from seismic.fields.growth import join_fields
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.specs import FieldsLike, initial_vocabulary, parse_fields
from seismic.fields.vectors import is_by_field, split_fields
from seismic.vectors import VectorsLike
from seismic.vocabulary import Vocabulary


class Fielded(NamedTuple):
    """What a build takes: as without fields, and their entries."""

    vectors: VectorsLike
    documents: TableLike | None
    vocabulary: Vocabulary | None
    encoder: Encoder | None
    entries: tuple[FieldEntry, ...]


def with_fields(vectors: Any, documents: TableLike | None, fields: FieldsLike | None) -> Fielded:
    """Return what a build with fields takes. `fields` None: those of the vectors, without options.

    Raises InputError or ParameterError.
    """
    specs = parse_fields(dict.fromkeys(vectors) if fields is None else fields)
    entries = tuple(spec.entry for spec in specs)
    if len(specs) == 1:
        (spec,) = specs
        if is_by_field(vectors):
            by_field, documents = split_fields(vectors, documents, [spec.entry.name])
            if not by_field:
                raise ParameterError("found no vectors, expected those of a field")
            vectors = by_field[spec.entry.name]
        return Fielded(vectors, documents, spec.vocabulary, spec.encoder, entries)
    by_field, documents = split_fields(vectors, documents, [entry.name for entry in entries])
    if not by_field:
        raise ParameterError("found no vectors, expected those of at least one field")
    before = initial_vocabulary(specs)
    assert isinstance(before, JoinedVocabulary)
    joined, tokens = join_fields(by_field, before)
    vocabulary = before.extended(tokens.cast(pa.string()))
    return Fielded(joined.widened(len(vocabulary)), documents, vocabulary, None, entries)
