"""Why not, of documents whose shards are searched by nodes: each part says what it knows, and here it is joined."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seismic.cluster.front import FrontView, RemoteScope
from seismic.cluster.remote import arrays_of
from seismic.cluster.wire import Message
from seismic.search.why import Case


class Known(NamedTuple):
    """A document as its part knows it."""

    number: int
    score: float
    inside: bool
    match: bool
    unfiltered: bool
    excluded_by: list[str]


class RemoteRanks:
    """The ranks of some documents among all matches."""

    def __init__(self, matches: int, ranks: Mapping[int, int]) -> None:
        self._matches, self._ranks = matches, ranks

    def __len__(self) -> int:
        return self._matches

    def rank(self, number: int) -> int | None:
        """Return the rank of a document, from 1; None if it is no match."""
        return self._ranks.get(number)


class RemoteCase:
    """A query, and the documents of some ids, compared with all documents of all parts."""

    def __init__(self, view: FrontView, scope: RemoteScope, case: Case, ids: Sequence[Any]) -> None:
        self.view, self.query, self.k, self.threshold = view, case.query, case.k, case.threshold
        self._scope, self._ids = scope, list(ids)
        self._known: dict[int, Known] = {}
        self._deleted: set[Any] = set()
        head = {"filter": scope.filter, "ids": self._ids, "k": self.k}
        answers = list(view.ask_all("why", Message(head, arrays_of(self.query))).values())
        for answer in answers:
            self._known |= {at: Known(*known) for at, *known in answer.head["documents"]}
            self._deleted |= {self._ids[at] for at in answer.head["deleted"]}
        self._matches = sum(answer.head["matches"] for answer in answers)
        self._unfiltered = sum(answer.head["unfiltered"] for answer in answers)
        best = np.sort(np.concatenate([answer.arrays["best"] for answer in answers]))
        kth = float(best[-self.k]) if 0 < self.k <= len(best) else None
        self.kth = None if kth is None or kth < self.threshold else kth
        self._by_number = {known.number: known for known in self._known.values()}

    def find(self, ids: Sequence[Any]) -> list[int]:
        """Return the document number of each id, -1 if there is none."""
        return [self._known[at].number if at in self._known else -1 for at in range(len(ids))]

    def was_deleted(self, id: Any) -> bool:
        """Return whether the generation has a document of an id."""
        return id in self._deleted

    def score(self, number: int) -> float:
        """Return the score of a document."""
        return self._by_number[number].score

    def inside(self, number: int) -> bool:
        """Return whether the filter matches a document."""
        return self._by_number[number].inside

    def excluded_by(self, number: int) -> list[str]:
        """Return the conditions of the filter that a document fails."""
        return self._by_number[number].excluded_by

    @cached_property
    def ranking(self) -> RemoteRanks:
        """The matches under the filter."""
        ranks = self._ranks["filtered"]
        return RemoteRanks(self._matches, {one: rank for one, rank in ranks.items() if self._by_number[one].match})

    @cached_property
    def unfiltered(self) -> RemoteRanks:
        """The matches without the filter."""
        ranks = self._ranks["unfiltered"]
        matches = {one: rank for one, rank in ranks.items() if self._by_number[one].unfiltered}
        return RemoteRanks(self._unfiltered, matches)

    @cached_property
    def _ranks(self) -> dict[str, dict[int, int]]:
        numbers = np.array(list(self._by_number), np.int64)
        scores = np.array([known.score for known in self._by_number.values()], np.float32)
        arrays = {**arrays_of(self.query), "numbers": numbers, "scores": scores}
        answers = list(self.view.ask_all("ranks", Message({"filter": self._scope.filter}, arrays)).values())
        found = {}
        for name in ("filtered", "unfiltered"):
            before = np.sum([answer.arrays[name] for answer in answers], axis=0)
            found[name] = {number: int(count) + 1 for number, count in zip(numbers.tolist(), before, strict=True)}
        return found
