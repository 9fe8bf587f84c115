"""The rules of a collection: what every document must follow, and how they evolve.

Columns are added or get a wider type, and components are added at the end. Nothing is ever removed or narrowed, so
everything stored before stays valid under later rules.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import xxhash

from seismic.documents.widening import widened
from seismic.encoders import EncoderEntry
from seismic.errors import InputError
from seismic.fields.entry import FieldEntry, named
from seismic.fields.joined import joined_vocabulary
from seismic.store.manifest import Manifest
from seismic.vectors import MAX_DIMENSION, SparseVectors
from seismic.vocabulary import Vocabulary

NONE, SHOWN = "none", 12
"""The hash of a missing vocabulary or encoder, and the digits of a hash that errors show."""

NAMED_TOKENS = 16
"""Tokens in the metadata of a change, for the error that reports another vocabulary."""

MOST_COLUMNS = 1000
"""Most columns, with the fields inside them: a mistake such as ids in place of names makes every document slow to
read."""

Stored: TypeAlias = Callable[[str], Iterable[pa.ChunkedArray]]
"""From a column's name to its stored values, which a wider type has to hold."""


class Columns(NamedTuple):
    """Columns to add, and columns with a wider type than before."""

    schema: pa.Schema


class Growth(NamedTuple):
    """Components to add, from `first` to `dimension` - 1; `tokens` has theirs in a collection with a vocabulary."""

    first: int
    dimension: int
    tokens: pa.Array


Evolution: TypeAlias = Columns | Growth


def nothing_stored(_: str) -> Iterable[pa.ChunkedArray]:
    """Return no values."""
    return ()


class Rules(NamedTuple):
    """Rules for every document of a collection: components are below `dimension` and mean the tokens of `vocabulary`,
    columns have the types of `schema`, and vectors of texts come from `encoder`.

    ``strict``: documents may not bring columns, tokens or components. ``version`` counts the evolutions since the
    generation was published. ``stored`` gives the values that a wider type has to hold. ``fields``: the named vectors;
    if there are several, `vocabulary` is a `JoinedVocabulary`, and `encoder` is None.
    """

    dimension: int
    schema: pa.Schema
    encoder: EncoderEntry | None = None
    vocabulary: Vocabulary | None = None
    strict: bool = False
    version: int = 0
    stored: Stored = nothing_stored
    fields: tuple[FieldEntry, ...] = ()

    @property
    def grows(self) -> bool:
        """Whether documents may bring new tokens or larger components."""
        return not self.strict and (self.encoder is None or self.encoder.bm25 is not None)

    def after(self, changes: Iterable[object]) -> "Rules":
        """Return the rules after changes, of which only evolutions matter."""
        rules = self
        for change in changes:
            if isinstance(change, Columns):
                rules = rules._with_columns(change)
            elif isinstance(change, Growth):
                rules = rules._grown(change)
        return rules

    def _with_columns(self, change: Columns) -> "Rules":
        fields = {field.name: field for field in self.schema}
        for field in change.schema:
            before = fields.get(field.name)
            kind = field.type if before is None else widened(before.type, field.type, declared=True)
            if kind is None or field.name == "id":
                found = before.type if before else "none"
                raise InputError(f"column '{field.name}' is {found}, which cannot become {field.type}")
            fields[field.name] = pa.field(field.name, kind, before is None or before.nullable)
        schema = pa.schema(list(fields.values()))
        if (count := sum(map(_fields_in, schema.types))) > max(MOST_COLUMNS, sum(map(_fields_in, self.schema.types))):
            raise InputError(
                f"documents: found {count} columns and fields with those added, expected at most {MOST_COLUMNS}; store "
                "keys that differ between documents as lists of strings"
            )
        return self._replace(schema=schema, version=self.version + 1)

    def _grown(self, change: Growth) -> "Rules":
        if change.dimension > MAX_DIMENSION:
            raise InputError(f"found a dimension of {change.dimension}, expected at most {MAX_DIMENSION}")
        version, tokens = self.version + 1, change.tokens
        if not len(tokens):
            return self._replace(dimension=max(self.dimension, change.dimension), version=version)
        if change.first != self.dimension or (self.vocabulary is None and self.dimension):
            raise InputError(
                f"found new tokens from component {change.first} on, expected them from {self.dimension}, the dimension"
            )
        vocabulary = (Vocabulary([]) if self.vocabulary is None else self.vocabulary).extended(tokens)
        return self._replace(dimension=len(vocabulary), vocabulary=vocabulary, version=version)

    def check_origin(self, vocabulary: Vocabulary | None = None, encoder: EncoderEntry | None = None) -> None:
        """Raise InputError if vectors made with this vocabulary or encoder do not fit the collection's.

        The collection's vocabulary may have more tokens: those of both mean the same components.
        """
        if vocabulary is not None and not (self.vocabulary and self.vocabulary.starts_with(vocabulary)):
            tokens = _tokens_at(vocabulary, range(len(vocabulary)))
            raise InputError(f"{self._other_vocabulary(vocabulary.hash, tokens)}; map the tokens again")
        if encoder is not None and encoder.hash != _hash_of(self.encoder):
            raise InputError(self._other_encoder(encoder.hash))

    def check_metadata(self, metadata: dict[bytes, bytes]) -> None:
        """Raise InputError if a change was made with another vocabulary or encoder. Older changes do not name them."""
        vocabulary = metadata.get(b"vocabulary", b"").decode()
        if vocabulary and vocabulary != _hash_of(self.vocabulary):
            named = {int(component): token for component, token in orjson.loads(metadata[b"tokens"]).items()}
            raise InputError(self._other_vocabulary(vocabulary, named))
        encoder = metadata.get(b"encoder", b"").decode()
        if encoder and encoder != self.encoder_hash:
            raise InputError(self._other_encoder(encoder))

    def metadata(self, vectors: SparseVectors) -> dict[bytes, bytes]:
        """Return what identifies the vocabulary and the encoder of a change."""
        components = np.unique(vectors.components[: 4 * NAMED_TOKENS])[:NAMED_TOKENS].tolist()
        tokens = _tokens_at(self.vocabulary, components) if self.vocabulary else {}
        return {
            b"vocabulary": _hash_of(self.vocabulary).encode(),
            b"encoder": self.encoder_hash.encode(),
            b"tokens": orjson.dumps({str(component): token for component, token in tokens.items()}),
        }

    @property
    def encoder_hash(self) -> str:
        """The hash of the encoder, or of those of all fields with their names."""
        if len(self.fields) < 2:
            return _hash_of(self.encoder)
        made_with = [(field.name, field.numbered, _hash_of(field.encoder)) for field in self.fields]
        return xxhash.xxh3_128_hexdigest(orjson.dumps(made_with))

    def _other_vocabulary(self, found: str, tokens: Mapping[int, str | None]) -> str:
        expected, ours = _hash_of(self.vocabulary), self.vocabulary
        differing = next((c for c, token in tokens.items() if ours is None or ours.token(c) != token), None)
        example = ""
        if differing is not None:
            here = None if ours is None else ours.token(differing)
            example = f": component {differing} is {tokens[differing]!r} there and {here!r} here"
        return f"found vocabulary {found[:SHOWN]}, expected {expected[:SHOWN]}, the collection's{example}"

    def _other_encoder(self, found: str) -> str:
        ours = self.encoder
        expected = NONE if ours is None else f"{ours.hash[:SHOWN]} ('{ours.name}')"
        if len(self.fields) > 1:
            expected = f"{self.encoder_hash[:SHOWN]} (of the fields {named(self.fields)})"
        return f"found encoder {found[:SHOWN]}, expected {expected}, the collection's"


def rules_of(manifest: Manifest, schema: pa.Schema, vocabulary: Vocabulary | None) -> Rules:
    """Return the rules of a generation whose documents.arrow has this schema. The log stores dictionaries as values."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
    ]
    entries = manifest.named_fields
    tokens = joined_vocabulary(vocabulary, entries)
    return Rules(manifest.dimension, pa.schema(fields), manifest.encoder, tokens, manifest.strict, fields=entries)


def _fields_in(kind: pa.DataType) -> int:
    return 1 + sum(_fields_in(kind.field(at).type) for at in range(kind.num_fields))


def _hash_of(made_with: Vocabulary | EncoderEntry | None) -> str:
    return NONE if made_with is None else made_with.hash


def _tokens_at(vocabulary: Vocabulary, components: Iterable[int]) -> dict[int, str | None]:
    return {component: vocabulary.token(component) for component in components}
