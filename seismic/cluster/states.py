"""The states of a part: views of open generations at their last sequences."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from seismic.changes.records import Change, Columns, Growth, ids_of
from seismic.cluster.errors import BehindError
from seismic.cluster.sources import Source, shards_of
from seismic.cluster.spec import PartSpec
from seismic.errors import StorageError
from seismic.params import Verify
from seismic.store.collection import GENERATIONS
from seismic.store.manifest import read_manifest
from seismic.store.opening import open_generation
from seismic.view.view import View, published_view

KEPT_VIEWS = 16
"""Views of one generation that a part keeps: a request names the sequence that it is to see."""

KEPT_GENERATIONS = 2
"""Generations that a part keeps open: searches that began before a new one was published still end."""


@dataclass(frozen=True)
class BaseView(View):
    """A view of some shards of a generation that takes the deletes of changes, but not their documents."""

    def _after(self, changes: Sequence[Change]) -> View:
        named = [ids_of(change) for change in changes if not isinstance(change, Columns | Growth)]
        touched = pa.concat_arrays([pa.array([], self.rules.schema.field("id").type), *named]).unique()
        base = tuple(shard.without(found[found >= 0]) for shard in self.base for found in (shard.find(touched),))
        return replace(self, base=base)


class History:
    """The last views of a part of one generation. Safe to use from many threads."""

    def __init__(self, collection: Path, spec: PartSpec, generation: str, verify: Verify) -> None:
        """Open a part of a generation. Raises StorageError."""
        self.manifest = read_manifest(collection / GENERATIONS / generation)
        self._shards = spec.shards(len(self.manifest.shards))
        entries = self.manifest.shards[self._shards]
        self.first = entries[0].first_document if entries else 0
        self.documents = sum(entry.documents for entry in entries)
        whole = spec.changes
        opened = open_generation(collection, verify, generation, shards_of(spec, self.manifest))
        view = published_view(collection, opened, verify, tuned=False)
        if not whole:
            view = BaseView(**{name: getattr(view, name) for name in View.__dataclass_fields__})
            view = view if entries else replace(view, base=())
        self._whole, self._head, self._lock = whole, view, threading.Lock()
        self._views: dict[int, View] = {}
        self._keep(view)

    def has(self, fingerprint: str | None) -> bool:
        """Return whether the manifest has a fingerprint; None: any."""
        return fingerprint is None or fingerprint == self.manifest.fingerprint

    @property
    def sequence(self) -> int:
        """The last change that is known here."""
        return max(self._head.log_end.sequence, self.manifest.sequence)

    def at(self, sequence: int) -> View:
        """Return the view after the change `sequence`, reading the log if it is needed. Raises BehindError."""
        wanted = max(sequence, self.manifest.sequence)
        if (view := self._views.get(wanted)) is not None:
            return view
        with self._lock:
            while self.sequence < wanted and (steps := self._steps()):
                for view in steps:
                    self._head = view
                    self._keep(view)
            if (found := self._views.get(wanted)) is not None:
                return found
        if wanted > self.sequence:
            raise BehindError(f"has changes up to {self.sequence}, expected {wanted}")
        raise BehindError(f"keeps the changes {min(self._views)} to {self.sequence}, expected {wanted}")

    def newest(self) -> View:
        """Return the view of all changes in the log."""
        with self._lock:
            while steps := self._steps():
                self._head = steps[-1]
                for view in steps[-KEPT_VIEWS:]:
                    self._keep(view)
        return self._views[self.sequence]

    def _steps(self) -> list[View]:
        try:
            return self._head.steps()
        except StorageError as error:  # compaction has removed that part of the log, or it cannot be read from here
            raise BehindError(f"cannot read the log after change {self.sequence}: {error}") from None

    def status(self) -> dict[str, int]:
        """Return the last known sequence, and the shards, documents and bytes of the files."""
        entries = self.manifest.shards[self._shards]
        size = sum(file.bytes for entry in entries for file in entry.files.values())
        return {"sequence": self.sequence, "shards": len(entries), "documents": self.documents, "bytes": size}

    def _keep(self, view: View) -> None:
        some = self._whole and len(view.base[self._shards]) < len(view.base)
        views = self._views | {self.sequence: replace(view, base=view.base[self._shards]) if some else view}
        self._views = {one: views[one] for one in sorted(views)[-KEPT_VIEWS:]}


class Generations:
    """The open generations of a part. Safe to use from many threads."""

    def __init__(self, collection: Path, spec: PartSpec, verify: Verify = "none", source: Source | None = None) -> None:
        """`source`: brings the files of generations to `collection`; None if they are there."""
        self._collection, self._spec, self._verify, self._source = collection, spec, verify, source
        self._opening = threading.Lock()
        self.opened = 0
        """Generations opened so far."""
        self._open: dict[str, History] = {}

    def wanted(self, generation: str, fingerprint: str | None = None) -> History:
        """Return an open generation. Raises BehindError for another one, and opens it for the next request.

        `fingerprint`: that of its manifest; None: any.
        """
        if (history := self._open.get(generation)) is None or not history.has(fingerprint):
            if not self._opening.locked():
                threading.Thread(target=self._try, args=(generation, fingerprint), daemon=True).start()
            if history is not None:
                raise BehindError(_other(generation))
            raise BehindError(f"has the generations {', '.join(self._open) or 'none'}, expected {generation}")
        return history

    def _try(self, generation: str, fingerprint: str | None) -> None:
        with suppress(BehindError):
            self.prepare(generation, fingerprint)

    def items(self) -> list[tuple[str, History]]:
        """Return the open generations by name."""
        return list(self._open.items())

    def prepare(self, generation: str, fingerprint: str | None = None) -> History:
        """Open a generation beside those in use, or return it if it is open. Only the last ones asked for are kept.

        A folder that was removed and built again has another generation of the same number: it replaces the open one.
        Raises BehindError if its files are not here, and StorageError if they are damaged.
        """
        if not (generation.isascii() and generation.isdigit()):  # it becomes a path
            raise BehindError(f"found generation {generation[:20]!r}, expected a number")
        with self._opening:
            if (history := self._open.get(generation)) is None or not history.has(fingerprint):
                try:
                    if self._source is not None:
                        self._source.fetch(generation, self._spec)
                    history = History(self._collection, self._spec, generation, self._verify)
                except StorageError as error:
                    raise BehindError(f"cannot open generation {generation}: {error}") from None
                if not history.has(fingerprint):
                    raise BehindError(_other(generation))
                self.opened += 1
            others = {name: one for name, one in self._open.items() if name != generation}
            opened = {**others, generation: history}
            self._open = {name: opened[name] for name in list(opened)[-KEPT_GENERATIONS:]}
            if self._source is not None:
                self._source.keep(self._spec, list(self._open))
            return history


def _other(generation: str) -> str:
    return f"has another generation {generation} than the front; start both with the same collection"
