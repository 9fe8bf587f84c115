"""Vectors that documents bring by field, checked against the rules of their collection."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from seismic.changes.rules import Evolution, Growth, Rules
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike
from seismic.documents.table import split_table
from seismic.encoders import Encoder, EncoderEntry, as_encoder
from seismic.errors import InputError, ParameterError
from seismic.fields.entry import named
from seismic.fields.growth import join_fields
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.vectors import FieldVectors, is_by_field, split_fields
from seismic.vectors import SparseVectors, VectorsLike
from seismic.vocabulary import Vocabulary


class Origin(NamedTuple):
    """What vectors were made with, where it is known."""

    vocabulary: Vocabulary | None = None
    encoder: EncoderEntry | None = None


class Origins(NamedTuple):
    """What vectors were made with: all of them, or those of each field."""

    every: Origin = Origin()
    by_field: Mapping[str, Origin] = {}

    def of(self, field: str) -> Origin:
        """Return what the vectors of a field were made with."""
        return self.by_field.get(field, self.every)


def origins_of(vocabulary: Any, encoder: Any) -> Origins:
    """Return what vectors were made with: a vocabulary and an encoder, or mappings of them by field.

    The vocabulary of a BM25 encoder belongs to its vectors. Raises ParameterError.
    """
    if not (isinstance(vocabulary, Mapping) or isinstance(encoder, Mapping)):
        return Origins(_origin(vocabulary, encoder))
    vocabularies, encoders = vocabulary or {}, encoder or {}
    for name, given in (("vocabulary", vocabularies), ("encoder", encoders)):
        if not isinstance(given, Mapping):
            raise ParameterError(f"{name} is {excerpt(given)}, expected a mapping from field, like the other")
    names = [*vocabularies, *(name for name in encoders if name not in vocabularies)]
    return Origins(by_field={name: _origin(vocabularies.get(name), encoders.get(name)) for name in names})


def _origin(vocabulary: Vocabulary | None, encoder: Encoder | str | Path | None) -> Origin:
    own = None if encoder is None else as_encoder(encoder)
    if not (vocabulary is None or isinstance(vocabulary, Vocabulary)):
        raise ParameterError(f"vocabulary is {excerpt(vocabulary)}, expected a Vocabulary")
    if vocabulary is None and own is not None and own.entry.bm25 is not None:
        vocabulary = own.vocabulary
    return Origin(vocabulary, own.entry if own else None)


def split_vectors(
    vectors: "VectorsLike | FieldVectors", documents: TableLike | None, rules: Rules
) -> tuple[Any, TableLike | None]:
    """Return the vectors, by field if the collection has several, and the documents. Raises InputError."""
    names = [field.name for field in rules.fields]
    if len(names) > 1:
        return split_fields(vectors, documents, names)
    if not is_by_field(vectors):
        return split_table(vectors, documents)
    if not names:
        raise InputError(f"found vectors by field ({excerpt(vectors)}), but this collection has no fields")
    by_field, documents = split_fields(vectors, documents, names)
    if not by_field:
        raise InputError(f"found no vectors, expected those of the field {names[0]}")
    return by_field[names[0]], documents


def joined(given: FieldVectors, rules: Rules, origins: Origins) -> tuple[list[Evolution], SparseVectors]:
    """Return vectors of joined components, after the growth that they need. Raises InputError."""
    assert isinstance(rules.vocabulary, JoinedVocabulary)
    fields, vocabularies = {field.name: field for field in rules.fields}, dict[str, Vocabulary]()
    if not given:
        raise InputError(f"found no vectors, expected those of at least one of the fields {named(rules.fields)}")
    if origins.every != Origin():
        raise InputError(f"found a vocabulary or an encoder, expected them by field, one of {named(rules.fields)}")
    for name in (*given, *origins.by_field):
        if name not in fields:
            raise InputError(f"fields: found field {excerpt(name)}, expected {named(rules.fields)}")
        vocabulary, entry = origins.of(name)
        ours = fields[name].encoder
        if entry is not None and (ours is None or entry.hash != ours.hash):
            found = "none" if ours is None else f"'{ours.name}' with hash {ours.hash}"
            raise InputError(f"field '{name}': found encoder '{entry.name}' with hash {entry.hash}, expected {found}")
        if vocabulary is not None:
            vocabularies[name] = vocabulary
    vectors, tokens = join_fields(given, rules.vocabulary, strict=rules.strict, vocabularies=vocabularies)
    return growth_of(tokens, rules), vectors


def growth_of(tokens: pa.Array, rules: Rules) -> list[Evolution]:
    """Return the growth by new tokens of a joined vocabulary, if there are any."""
    if not len(tokens):
        return []
    return [Growth(rules.dimension, rules.dimension + len(tokens), tokens.cast(pa.string()))]
