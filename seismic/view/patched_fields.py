"""Vectors of documents some of whose fields are patched.

A patch keeps the other fields as they are stored, and what is stored depends on the heaviest weight of the whole
document. So patches of a document are applied one after another, each to the vector as it would be stored before: the
result does not depend on how many changes a view applies at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.builder.order import reordered
from seismic.builder.quantize import stored_vectors
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.vectors import side_by_side
from seismic.layouts import Storage
from seismic.vectors import SparseVectors, restricted

Numbers = npt.NDArray[np.int64]


class FieldWrite(NamedTuple):
    """New vectors of some fields: rows of all given vectors, by document; ``order`` counts the writes."""

    documents: Numbers
    rows: Numbers
    fields: tuple[str, ...]
    order: int

    def of(self, places: Numbers) -> "FieldWrite":
        """Return the write by the place of each document, without those that have none (-1)."""
        found = places[self.documents]
        return self._replace(documents=found[found >= 0], rows=self.rows[found >= 0])


class _Patches(NamedTuple):
    """The patches of all documents: document, row, bits of the fields, and how many patches of the document precede."""

    documents: Numbers
    rows: Numbers
    fields: Numbers
    before: Numbers


def patched_vectors(
    whole: SparseVectors,
    given: SparseVectors,
    writes: Sequence[FieldWrite],
    last_whole: Numbers,
    vocabulary: JoinedVocabulary,
    storage: Storage,
) -> SparseVectors:
    """Return vectors [n] after patches of their fields.

    `whole`: the vectors before the patches; `last_whole` int64 [n]: the order of the write that made them, -1 if they
    were stored before. Earlier patches are gone.
    """
    patches = _in_turn(writes, last_whole, vocabulary)
    touched = np.unique(patches.documents)
    current = reordered(whole, touched.astype(np.uint32))
    for turn in range(int(patches.before.max(initial=-1)) + 1):
        now = np.flatnonzero(patches.before == turn)
        places = np.searchsorted(touched, patches.documents[now])
        kept = stored_vectors(reordered(current, places.astype(np.uint32)), storage)
        bits = np.repeat(patches.fields[now], np.diff(kept.indptr))
        others = (bits >> vocabulary.field_of[kept.components]) & 1 == 0
        new = reordered(given, patches.rows[now].astype(np.uint32))
        merged = side_by_side([restricted(kept, others, given.dimension), new], given.dimension)
        current = _replaced(current, places, merged)
    return _replaced(whole, touched, current)


def _in_turn(writes: Sequence[FieldWrite], last_whole: Numbers, vocabulary: JoinedVocabulary) -> _Patches:
    """Return the patches that follow the last whole vector of their document, in the order of documents."""
    names = [field.name for field in vocabulary.fields]
    bits = [sum(1 << names.index(name) for name in write.fields) for write in writes]
    documents = np.concatenate([write.documents for write in writes])
    rows = np.concatenate([write.rows for write in writes])
    lengths = [len(write.documents) for write in writes]
    fields, orders = (np.repeat(np.array(one, np.int64), lengths) for one in (bits, [write.order for write in writes]))
    valid = np.flatnonzero(orders > last_whole[documents])
    valid = valid[np.argsort(documents[valid], kind="stable")]
    documents = documents[valid]
    firsts = np.searchsorted(documents, documents)
    return _Patches(documents, rows[valid], fields[valid], np.arange(len(documents)) - firsts)


def _replaced(vectors: SparseVectors, places: Numbers, others: SparseVectors) -> SparseVectors:
    """Return vectors with others in some places."""
    chosen = np.arange(len(vectors))
    chosen[places] = len(vectors) + np.arange(len(others))
    return reordered(SparseVectors.concatenate([vectors, others]), chosen.astype(np.uint32))
