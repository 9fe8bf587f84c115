"""The joined vocabulary of several fields: its tokens begin with the name of their field.

Components of fields may interleave, as each is numbered when it first appears. A field's own components count its
tokens alone; those of a numbered field are the numbers that its tokens spell.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.errors import InputError
from seismic.fields.entry import FieldEntry
from seismic.vectors import MAX_DIMENSION, SparseVectors, restricted
from seismic.vocabulary import Vocabulary

SEPARATOR = "\x1f"
"""Between the name of a field and its token; names are printable."""


class FieldPart:
    """A field's share of a joined vocabulary: `joined` uint32 [n], ascending, and the `vocabulary` of its n tokens."""

    def __init__(self, joined: npt.NDArray[np.uint32], vocabulary: Vocabulary) -> None:
        self.joined, self.vocabulary = joined, vocabulary

    @cached_property
    def numbers(self) -> npt.NDArray[np.uint32]:
        """The components of a numbered field, uint32 [n], in the order of `joined`. Raises InputError."""
        try:
            return np.asarray(self.vocabulary.tokens.cast(pa.uint32()), np.uint32)
        except pa.ArrowException as error:
            raise InputError(f"found a token that is no number below 2^32 ({error})") from None

    def extended(self, joined: npt.NDArray[np.uint32], tokens: pa.Array) -> "FieldPart":
        """Return the part with new tokens at the end."""
        return FieldPart(np.concatenate([self.joined, joined]), self.vocabulary.extended(tokens))


class JoinedVocabulary(Vocabulary):
    """The vocabulary of a collection with several fields."""

    def __init__(self, tokens: Iterable[str] | pa.Array, fields: Sequence[FieldEntry]) -> None:
        super().__init__(tokens)
        self.fields = tuple(fields)

    @cached_property
    def parts(self) -> dict[str, FieldPart]:
        """The share of each field. Raises InputError for a token of none."""
        split = _split(self.tokens, self.fields, 0)
        return {name: FieldPart(joined, Vocabulary(tokens)) for name, (joined, tokens) in split.items()}

    @cached_property
    def field_of(self) -> npt.NDArray[np.uint8]:
        """The place of each component's field among the fields, uint8 [components]."""
        places = np.zeros(len(self), np.uint8)
        for place, field in enumerate(self.fields):
            places[self.parts[field.name].joined] = place
        return places

    @cached_property
    def own(self) -> npt.NDArray[np.uint32]:
        """The own component of each component, uint32 [components]."""
        own = np.zeros(len(self), np.uint32)
        for field in self.fields:
            part = self.parts[field.name]
            own[part.joined] = part.numbers if field.numbered else np.arange(len(part.joined))
        return own

    def extended(self, tokens: pa.Array) -> "JoinedVocabulary":
        """Return a vocabulary with new tokens at the end. Takes time for the new tokens, not for all."""
        longer = JoinedVocabulary(pa.concat_arrays([self.tokens, tokens.cast(self.tokens.type)]), self.fields)
        if "parts" in self.__dict__:
            split = _split(tokens, self.fields, len(self))
            longer.__dict__["parts"] = {
                name: part.extended(*split[name]) if len(split[name][0]) else part for name, part in self.parts.items()
            }
        return longer

    def named(self, component: int) -> tuple[str, str]:
        """Return the field and the own token of a component."""
        name, _, token = cast(str, self.token(component)).partition(SEPARATOR)
        return name, token

    def apart(self, vectors: SparseVectors) -> dict[str, SparseVectors]:
        """Return each field's part of vectors, with its own components."""
        found = {}
        for place, field in enumerate(self.fields):
            part = restricted(vectors, self.field_of[vectors.components] == place, len(self))
            components, values = self.own[part.components], part.values
            if field.numbered:  # not in the order of their numbers
                order = np.lexsort((components, np.repeat(np.arange(len(vectors)), np.diff(part.indptr))))
                components, values = components[order], values[order]
            size = MAX_DIMENSION if field.numbered else len(self.parts[field.name].vocabulary)
            found[field.name] = SparseVectors.trusted(part.indptr, components, values, size)
        return found

    def count(self, vectors: SparseVectors) -> dict[str, int]:
        """Return the number of vectors that have each field."""
        rows = np.repeat(np.arange(len(vectors)), np.diff(vectors.indptr))
        places = self.field_of[vectors.components]
        return {field.name: len(np.unique(rows[places == at])) for at, field in enumerate(self.fields)}


def prefixed(field: str, tokens: pa.Array) -> pa.Array:
    """Return a field's tokens as those of a joined vocabulary."""
    return pc.binary_join_element_wise(pa.scalar(field), tokens.cast(pa.string()), SEPARATOR)


def _split(tokens: pa.Array, fields: Sequence[FieldEntry], first: int) -> dict[str, tuple[Any, pa.Array]]:
    """Return the components of each field among tokens that start at component `first`, and its own tokens."""
    split, covered = {}, 0
    for field in fields:
        prefix = field.name + SEPARATOR
        mine = pc.starts_with(tokens, pattern=prefix)
        own = pc.utf8_slice_codeunits(tokens.filter(mine), start=len(prefix))
        joined = np.flatnonzero(mine.to_numpy(zero_copy_only=False)) + first
        split[field.name] = joined.astype(np.uint32), own
        covered += len(joined)
    if covered < len(tokens):
        known = np.concatenate([joined for joined, _ in split.values()]) - first
        at = int(np.setdiff1d(np.arange(len(tokens)), known)[0])
        names = ", ".join(field.name for field in fields)
        raise InputError(f"vocabulary: token {tokens[at].as_py()!r} of component {first + at} is of none of {names}")
    return split


def counter(
    fields: Sequence[FieldEntry], vocabulary: Vocabulary | None
) -> Callable[[SparseVectors], dict[str, int]] | None:
    """Return what counts the vectors that have each field; None without fields."""
    if not fields:
        return None
    if isinstance(vocabulary, JoinedVocabulary):
        return vocabulary.count
    return lambda vectors: {fields[0].name: int(np.count_nonzero(np.diff(vectors.indptr)))}


def joined_vocabulary(vocabulary: Vocabulary | None, fields: Sequence[FieldEntry]) -> Vocabulary | None:
    """Return the vocabulary of a collection with these fields: joined if there are several."""
    if len(fields) < 2 or isinstance(vocabulary, JoinedVocabulary):
        return vocabulary
    return JoinedVocabulary([] if vocabulary is None else vocabulary.tokens, fields)


def check_joined(vocabulary: Vocabulary, fields: Sequence[FieldEntry]) -> None:
    """Raise InputError unless each token belongs to a field, and those of numbered fields are their numbers."""
    joined = joined_vocabulary(vocabulary, fields)
    if not isinstance(joined, JoinedVocabulary):
        return
    for field in fields:
        part = joined.parts[field.name]
        if field.numbered and part.numbers.astype(str).tolist() != part.vocabulary.tokens.to_pylist():
            raise InputError(f"field '{field.name}': found a token that is not the decimal form of its number")
