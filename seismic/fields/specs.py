"""What callers say of fields: encoder, columns, weight, idf and vocabulary by name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.encoders import Bm25, Encoder, load_encoder
from seismic.errors import ParameterError
from seismic.fields.entry import MOST_FIELDS, FieldEntry, check_name, check_weight
from seismic.fields.joined import JoinedVocabulary, prefixed
from seismic.vocabulary import Vocabulary

FieldsLike: TypeAlias = Mapping[str, Mapping[str, Any] | None]
"""Name -> {"encoder", "bm25", "columns", "weight", "idf", "vocabulary"}, all optional; None has none."""

_KEYS = ("encoder", "bm25", "columns", "weight", "idf", "vocabulary")


class FieldSpec(NamedTuple):
    """A field, and its encoder or its vocabulary if it has one."""

    entry: FieldEntry
    encoder: Encoder | None = None
    vocabulary: Vocabulary | None = None

    @property
    def tokens(self) -> Vocabulary | None:
        """The tokens that the field starts with; None if its components are numbers."""
        return self.encoder.vocabulary if self.encoder else self.vocabulary


def parse_fields(fields: Any) -> list[FieldSpec]:
    """Return the fields of a collection, in their order. Raises ParameterError, or EncoderError."""
    if not isinstance(fields, Mapping) or not 1 <= len(fields) <= MOST_FIELDS:
        found = f"{len(fields)} fields" if isinstance(fields, Mapping) else excerpt(fields)
        raise ParameterError(f"fields: found {found}, expected 1 to {MOST_FIELDS} by name, each with its options")
    return [_spec(check_name(name), {} if given is None else given) for name, given in fields.items()]


def _spec(name: str, given: Any) -> FieldSpec:
    where = f"fields: field '{name}'"
    if not isinstance(given, Mapping):
        raise ParameterError(f"{where}: found {excerpt(given)}, expected a mapping of its options")
    if unknown := [key for key in given if key not in _KEYS]:
        raise ParameterError(f"{where}: found the option {excerpt(unknown[0])}, expected {', '.join(_KEYS)}")
    encoder, words, idf = _encoder(given, where), given.get("vocabulary"), given.get("idf", False)
    if encoder is not None and words is not None:
        raise ParameterError(f"{where}: found an encoder and a vocabulary, expected one of them")
    if not isinstance(idf, bool):
        raise ParameterError(f"{where}: idf is {excerpt(idf)}, expected True or False")
    if idf and encoder is not None and encoder.entry.queries == "idf":
        raise ParameterError(f"{where}: encoder '{encoder.name}' weighs queries by idf already; leave out idf")
    vocabulary = words if words is None or isinstance(words, Vocabulary) else Vocabulary(words)
    if vocabulary is not None:
        vocabulary.check_unique()
    weight = check_weight(given.get("weight", 1.0), f"{where}: weight")
    entry = encoder.entry if encoder else None
    numbered = encoder is None and vocabulary is None
    field = FieldEntry(name=name, encoder=entry, numbered=numbered, weight=weight, idf=idf)
    return FieldSpec(field, encoder, vocabulary)


def _encoder(given: Mapping[str, Any], where: str) -> Encoder | None:
    encoder, bm25, columns = given.get("encoder"), given.get("bm25"), given.get("columns")
    if encoder is None:
        if found := [key for key in ("bm25", "columns") if given.get(key) is not None]:
            raise ParameterError(f"{where}: found {found[0]} without an encoder, to which it belongs")
        return None
    if isinstance(bm25, Mapping):
        bm25 = Bm25(**bm25)
    if isinstance(encoder, Encoder):
        if bm25 is not None:
            raise ParameterError(f"{where}: found bm25 next to a loaded encoder, which has its parameters")
    else:
        encoder = load_encoder(encoder, bm25)
    if columns is None:
        return encoder
    if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns or not all(map(_is_name, columns)):
        raise ParameterError(f"{where}: columns is {excerpt(columns)}, expected a list of column names")
    return replace(encoder, entry=encoder.entry.model_copy(update={"fields": tuple(columns)}))


def _is_name(column: Any) -> bool:
    return isinstance(column, str) and column != ""


def initial_vocabulary(specs: Sequence[FieldSpec]) -> Vocabulary | None:
    """Return the vocabulary of a collection with these fields and no documents; None if it has none.

    Raises InputError for a token that repeats.
    """
    if len(specs) == 1:
        return specs[0].tokens
    parts = [prefixed(spec.entry.name, spec.tokens.tokens) for spec in specs if spec.tokens is not None]
    tokens = pa.concat_arrays([pa.array([], pa.string()), *(part.cast(pa.string()) for part in parts)])
    return JoinedVocabulary(tokens, [spec.entry for spec in specs])
