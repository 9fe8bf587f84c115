"""Commit edits: changes that may depend on what is stored."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from seismic.changes.ledger import Ledger
from seismic.changes.records import Change, following
from seismic.changes.rules import Rules
from seismic.changes.updates import Writer
from seismic.conversion.numbers import as_path
from seismic.edits.state import Counts, State
from seismic.errors import SeismicError
from seismic.filters.filters import Filters
from seismic.layouts import Layout
from seismic.view.view import View, open_view


class Edit(NamedTuple):
    """One request's changes, all or none of which are written.

    ``make`` returns them, or raises a SeismicError. ``depends``: whether they depend on the state; otherwise `make` may
    not look at it, and is called before the log is locked.
    """

    make: Callable[[Rules, State], Sequence[Change]]
    depends: bool = False


class Committed(NamedTuple):
    """The generation and sequence under which changes are durable, and what they changed; None if that is unknown."""

    generation: str
    sequence: int
    counts: Counts | None


class Editor:
    """The writer of a collection for edits; for one thread at a time.

    Edits look at the documents while the log is locked, so no other writer, in any process, comes between.
    """

    def __init__(self, path: str | Path, view: Callable[[], View] | None = None) -> None:
        """`view` returns a view of the collection, as current as possible; None: the editor opens its own."""
        self._path, self._newest = as_path(path), view
        self._writer, self._filters = Writer(self._path), Filters()
        self._opened: View | None = None
        self._ledger: tuple[tuple[str, int], Ledger] | None = None

    def commit(self, edits: Sequence[Edit]) -> list[Committed | SeismicError]:
        """Write the changes of all valid edits as one record, and return the outcome of each.

        An edit sees the changes of those before it. Raises StorageError if nothing could be written.
        """
        refused: dict[int, SeismicError] = {}
        made: dict[int, Sequence[Change]] = {}
        counts: dict[int, Counts] = {}
        depends = any(edit.depends for edit in edits)

        def make_all(rules: Rules) -> list[Change]:
            refused.clear()
            made.clear()
            state = self._state()
            for at, edit in enumerate(edits):
                try:
                    changes = edit.make(rules, state)
                    if depends:
                        counts[at] = state.apply(changes)
                    made[at], rules = changes, following(rules, changes)
                except SeismicError as error:
                    refused[at] = error
            return [change for changes in made.values() for change in changes]

        def count() -> None:
            state = self._state()
            with suppress(SeismicError, OSError):  # a view that cannot be opened does not keep changes from the log
                for at, changes in made.items():
                    counts[at] = state.apply(changes)

        sequence = self._writer.append_locked(make_all) if depends else self._writer.append(make_all, count)

        def outcome(at: int) -> Committed | SeismicError:
            if at in refused:
                return refused[at]
            return Committed(self._writer.generation, sequence, counts.get(at) if made[at] else Counts())

        return list(map(outcome, range(len(edits))))

    @property
    def rules(self) -> Rules:
        """The rules of the collection, as the writer knows them."""
        return self._writer.rules

    @property
    def layout(self) -> Layout:
        """The layout of the collection."""
        return self._writer.layout

    def _state(self) -> State:
        return State(self._current_view, self._current_ledger, self._filters, self._writer.sequence)

    def _current_view(self) -> View:
        if self._newest is not None:
            view, writer = self._newest(), self._writer
            current = (writer.generation, writer.sequence)  # the end of the log, as it is locked
            return view if (view.manifest.generation, view.log_end.sequence) == current else view.refreshed()
        self._opened = self._opened.refreshed() if self._opened else open_view(self._path, tuned=False)
        return self._opened

    def _current_ledger(self) -> Ledger:
        generation = self._writer.generation, self._writer.contained
        if self._ledger is None or self._ledger[0] != generation:
            self._ledger = generation, Ledger(self._path, self._writer.contained)
        return self._ledger[1]
