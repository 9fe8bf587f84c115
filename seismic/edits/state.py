"""The documents as an edit finds them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.changes.ledger import Ledger
from seismic.changes.patches import FieldPatch, Patch
from seismic.changes.records import Change, Columns, Delete, Growth, Upsert, ids_of
from seismic.filters.filters import Filters
from seismic.filters.language import FilterLike
from seismic.kernels.constants import BLOCK
from seismic.view.live import LiveShard
from seismic.view.scope import Part
from seismic.view.view import View


class Counts(NamedTuple):
    """Numbers of documents that changes created, updated and deleted."""

    created: int = 0
    updated: int = 0
    deleted: int = 0


class State:
    """The documents, with the changes of earlier edits in the same record. The caller holds `appending`."""

    def __init__(self, view: Callable[[], View], ledger: Callable[[], Ledger], filters: Filters, sequence: int) -> None:
        """`view` and `ledger` return the current ones. `sequence`: of the last change in the log."""
        self._make_view, self._ledger, self._filters, self.sequence = view, ledger, filters, sequence
        self._changes: list[Change] = []
        self._exist: dict[str | int, bool] = {}

    @property
    def view(self) -> View:
        """The documents, with the changes of earlier edits."""
        return self._view.with_changes(self._changes) if self._changes else self._view

    def exist(self, ids: pa.Array) -> npt.NDArray[np.bool_]:
        """Return whether there is a document with each id, bool [n]."""
        stored = self._view.find(ids) >= 0
        if self._exist:
            known = zip(ids.to_pylist(), stored.tolist(), strict=True)
            stored = np.array([self._exist.get(id, found) for id, found in known], bool)
        return stored

    def last(self, ids: pa.Array) -> list[int]:
        """Return the sequence of the last change that named each id; the generation's if none did since."""
        last = self._ledger().last(ids)
        if self._exist:
            known = zip(ids.to_pylist(), last, strict=True)
            last = [self.sequence + 1 if id in self._exist else found for id, found in known]
        return last

    def matching(self, filter: FilterLike) -> pa.Array:
        """Return the ids of the documents that match a filter, ascending. Raises FilterError."""
        view = self.view
        parts = self._filters.scope(view, filter).parts
        ids = [_ids(shard, part) for shard, part in zip(view.shards, parts, strict=True)]
        return pa.chunked_array(ids, view.rules.schema.field("id").type).combine_chunks().sort()

    def payload_bytes(self, documents: int) -> int:
        """Estimate the bytes of the payloads of so many documents."""
        stored = sum(shard.shard.documents.nbytes for shard in self._view.shards)
        return int(stored * documents // max(1, self._view.documents.count))

    def apply(self, changes: Sequence[Change]) -> Counts:
        """Add the changes of an edit, and return what they change."""
        created = updated = deleted = 0
        earlier: set[str | int] = set()  # a patch of vectors and columns is two changes of the same documents
        for change in changes:
            if isinstance(change, Columns | Growth):
                continue
            ids = ids_of(change)
            ids = ids.unique() if isinstance(change, Delete) else ids
            found = self.exist(ids)
            before = int(np.count_nonzero(found))
            if isinstance(change, Upsert):
                created, updated = created + len(ids) - before, updated + before
                earlier.update(ids.to_pylist())
            elif isinstance(change, Patch | FieldPatch):
                listed = zip(ids.to_pylist(), found.tolist(), strict=True)
                updated += sum(exists and id not in earlier for id, exists in listed)
                earlier.update(ids.to_pylist())
            else:
                deleted += before
            kept = isinstance(change, Patch | FieldPatch)
            after = found.tolist() if kept else [isinstance(change, Upsert)] * len(ids)
            self._exist.update(zip(ids.to_pylist(), after, strict=True))
        self._changes += changes
        return Counts(created, updated, deleted)

    def after(self, changes: Sequence[Change]) -> "State":
        """Return the state after further changes, for an edit whose changes depend on each other."""
        state = State(lambda: self._view, self._ledger, self._filters, self.sequence)
        state._changes, state._exist = list(self._changes), dict(self._exist)
        state.apply(changes)
        return state

    @cached_property
    def _view(self) -> View:
        return self._make_view()


def _ids(shard: LiveShard, part: Part) -> pa.Array:
    """Return the ids of a shard's documents in a scope."""
    ids = shard.shard.documents["id"]
    if len(part.allowed) == 0:
        return ids.combine_chunks()
    allowed = np.unpackbits(part.allowed, bitorder="little", count=None)[: len(part.allowed) * BLOCK]
    numbers = np.sort(shard.shard.shared.numbers[np.flatnonzero(allowed)])
    return ids.take(pa.array(numbers)).combine_chunks()
