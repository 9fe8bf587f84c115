"""Joined components of vectors that come by field, with new ones where a field grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from seismic.errors import InputError, VectorError
from seismic.fields.entry import FieldEntry
from seismic.fields.joined import FieldPart, JoinedVocabulary, prefixed
from seismic.fields.vectors import side_by_side
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.vocabulary import Vocabulary


class FieldTokens:
    """The own components of a field's tokens. New tokens get the next ones if the field grows."""

    def __init__(self, field: FieldEntry, part: FieldPart, *, strict: bool) -> None:
        self.field, self.part, self.new = field, part, dict[str, int]()
        self.grows = not strict and (field.encoder is None or field.encoder.bm25 is not None)

    def component(self, token: Any) -> int | None:
        """Return the own component of a token; None if the field has none and does not grow."""
        known = self.part.vocabulary.component(token)
        if known is not None or not self.grows or not _is_text(token):
            return known
        return self.new.setdefault(token, len(self.part.vocabulary) + len(self.new))

    def extend(self, vocabulary: Vocabulary) -> None:
        """Add the tokens that a vocabulary has beyond the field's. Raises InputError if it is another one."""
        before = self.part.vocabulary
        if not vocabulary.starts_with(before) and not before.starts_with(vocabulary):
            raise InputError(
                f"field '{self.field.name}': found another vocabulary than the field's; map the tokens again"
            )
        if len(vocabulary) > len(before):
            if not self.grows:
                raise InputError(f"field '{self.field.name}': found {len(vocabulary)} tokens, expected {len(before)}")
            vocabulary.check_unique()
            for token in vocabulary.tokens[len(before) :].to_pylist():
                self.component(token)

    def vectors(self, given: VectorsLike) -> SparseVectors:
        """Return vectors with own components, those of a numbered field as rows of its numbers. VectorError names row
        and field."""
        try:
            vectors = as_vectors(given, None if self.field.numbered else self.component)
            return self._numbered(vectors) if self.field.numbered else self._checked(vectors)
        except VectorError as error:
            raise VectorError(f"field '{self.field.name}': {error.problem}", row=error.row, field=error.field) from None

    def _checked(self, vectors: SparseVectors) -> SparseVectors:
        size = len(self.part.vocabulary) + len(self.new)
        wrong = np.flatnonzero(vectors.components >= size) if vectors.dimension > size else np.zeros(0, np.int64)
        if len(wrong):
            row = int(np.searchsorted(vectors.indptr, wrong[0], side="right")) - 1
            expected = f"expected components below {size}, the number of tokens of the field"
            raise VectorError(f"found component {vectors.components[wrong[0]]}, {expected}", row=row, field="indices")
        return vectors

    def _numbered(self, vectors: SparseVectors) -> SparseVectors:
        numbers, places = np.unique(vectors.components, return_inverse=True)
        rows = [self.component(str(number)) for number in numbers.tolist()]
        if None in rows:
            unknown = numbers[rows.index(None)]
            at = int(np.flatnonzero(vectors.components == unknown)[0])
            row = int(np.searchsorted(vectors.indptr, at, side="right")) - 1
            expected = "expected one of the field's, as the collection is strict"
            raise VectorError(f"found component {unknown}, {expected}", row=row, field="indices")
        own = np.array(rows, np.uint32)[places]
        size = len(self.part.vocabulary) + len(self.new)
        return SparseVectors(vectors.indptr, own, vectors.values, size)


def join_fields(
    given: Mapping[str, VectorsLike],
    vocabulary: JoinedVocabulary,
    *,
    strict: bool = False,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> tuple[SparseVectors, pa.Array]:
    """Return vectors of joined components, and the new tokens of the joined vocabulary, which follow its own.

    `vocabularies`: those that the vectors of fields were made with. Raises InputError, which names row and field.
    """
    fields = {field.name: field for field in vocabulary.fields}
    found, dimension = list[tuple[FieldTokens, SparseVectors]](), len(vocabulary)
    for name, vectors in given.items():
        tokens = FieldTokens(fields[name], vocabulary.parts[name], strict=strict)
        if vocabularies and name in vocabularies:
            tokens.extend(vocabularies[name])
        found.append((tokens, tokens.vectors(vectors)))
    check_lengths([(tokens.field.name, len(vectors)) for tokens, vectors in found])
    parts, added = [], [pa.array([], pa.string())]
    for tokens, vectors in found:
        new = np.arange(dimension, dimension + len(tokens.new), dtype=np.uint32)
        dimension += len(new)
        joined = np.concatenate([tokens.part.joined, new])
        parts.append(SparseVectors(vectors.indptr, joined[vectors.components], vectors.values, dimension))
        added.append(prefixed(tokens.field.name, pa.array(list(tokens.new), pa.string())))
    return side_by_side(parts, dimension), pa.concat_arrays(added)


def check_lengths(lengths: Sequence[tuple[str, int]]) -> None:
    """Raise InputError unless all fields have as many vectors."""
    for name, length in lengths:
        if length != lengths[0][1]:
            raise InputError(
                f"fields: found {lengths[0][1]} vectors of '{lengths[0][0]}' and {length} of '{name}', expected equal "
                "numbers; a document without a field has an empty vector"
            )


def _is_text(token: Any) -> bool:
    try:
        return isinstance(token, str) and token.encode() is not None
    except UnicodeEncodeError:
        return False
