"""Why not? Say of given documents why they are or are not among the k best: by one pass that scores all documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from seismic.changes.records import check_delete
from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError
from seismic.filters.filters import Filters
from seismic.filters.language import FilterLike
from seismic.kernels.constants import BLOCK
from seismic.kernels.score import load_query, make_query_table
from seismic.kernels.score_all import score_documents
from seismic.layouts import LAYOUTS
from seismic.params import described
from seismic.query import Query, as_rows
from seismic.search.explain import Contribution, contributions
from seismic.stop import current
from seismic.store.shard import Shard
from seismic.view.scope import Part, Scope, documents_of
from seismic.view.view import View

MAX_IDS = 1000
"""Most ids of a question."""

State = Literal["hit", "beyond_limit", "below_threshold", "no_match", "excluded", "example", "deleted", "missing"]

F32s = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@described
@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a document is or is not among the k best. Scores and ranks are exact for the stored values, whatever plan a
    search would use."""

    id: str | int
    """The id asked for."""
    state: State
    """`hit`: among the k best. `beyond_limit`: ranks below them. `below_threshold`: scores less than the threshold.
    `no_match`: shares no component with the query. `excluded`: by the filter. `example`: is an example of the query.
    `deleted`: since the generation was published. `missing`: not in the collection."""
    reason: str
    """The state in words."""
    score: float | None = None
    """Score of the document; None if there is none."""
    rank: int | None = None
    """Rank among all matches under the filter, from 1; None if it is not one of them."""
    rank_unfiltered: int | None = None
    """Rank among all matches without the filter."""
    kth: float | None = None
    """Score of the k-th hit; None if there are fewer hits."""
    distance: float | None = None
    """Score minus that of the k-th hit: negative if the document is not among the k best. None without either."""
    excluded_by: tuple[str, ...] = ()
    """Paths of the conditions of the filter that it fails."""
    components: tuple[Contribution, ...] = ()
    """The components that it shares with the query and what they add to the score, largest first."""


def check_ids(view: View, ids: Any) -> list[Any]:
    """Return ids as a list. Raises ParameterError or InputError."""
    if isinstance(ids, str) or not hasattr(ids, "__len__"):
        raise ParameterError(f"ids: found {excerpt(ids)}, expected a list of ids")
    if not 1 <= len(ids) <= MAX_IDS:
        raise ParameterError(f"ids: found {len(ids)}, expected 1 to {MAX_IDS:,}")
    listed: list[Any] = check_delete(ids, view.rules).ids.to_pylist()
    return listed


class Ranks(Protocol):
    """Matches by score, ties by number."""

    def __len__(self) -> int:
        """Return the number of matches."""

    def rank(self, number: int) -> int | None:
        """Return the rank of a document, from 1; None if it is no match."""


class Facts(Protocol):
    """What the reasons of documents are made of, by document number."""

    @property
    def view(self) -> View:
        """The view of the documents."""

    @property
    def query(self) -> Query:
        """The query."""

    @property
    def k(self) -> int:
        """The number of hits."""

    @property
    def threshold(self) -> float:
        """The least score of a hit."""

    @property
    def kth(self) -> float | None:
        """The score of the k-th hit; None if there are fewer."""

    @property
    def ranking(self) -> Ranks:
        """The matches under the filter."""

    @property
    def unfiltered(self) -> Ranks:
        """The matches without the filter."""

    def find(self, ids: Sequence[Any]) -> list[int]:
        """Return the document number of each id, -1 if there is none."""

    def was_deleted(self, id: Any) -> bool:
        """Return whether the generation has a document of an id."""

    def score(self, number: int) -> float:
        """Return the score of a document."""

    def inside(self, number: int) -> bool:
        """Return whether the filter matches a document."""

    def excluded_by(self, number: int) -> list[str]:
        """Return the conditions of the filter that a document fails."""


@dataclass(frozen=True)
class Case:
    """A query over a view, and everything that its documents are compared by. Arrays are by document number."""

    view: View
    query: Query
    scope: Scope
    k: int
    threshold: float
    filters: Filters | None = None
    filter: FilterLike | None = None

    def find(self, ids: Sequence[Any]) -> list[int]:
        """Return the document number of each id, -1 if there is none."""
        found: list[int] = self.view.find(check_delete(ids, self.view.rules).ids).tolist()
        return found

    def was_deleted(self, id: Any) -> bool:
        """Return whether the generation has a document of an id."""
        ids = check_delete([id], self.view.rules).ids
        return any((shard.address.lookup.find(ids) >= 0).any() for shard in self.view.shards)

    def score(self, number: int) -> float:
        """Return the score of a document."""
        return float(self.scores[number])

    def inside(self, number: int) -> bool:
        """Return whether the filter matches a document."""
        return bool(self.in_scope[number])

    def excluded_by(self, number: int) -> list[str]:
        """Return the conditions of the filter that a document fails."""
        if self.filter is None or self.filters is None:
            return []
        shard = int(np.searchsorted(self.view.firsts, number, side="right")) - 1
        return self.filters.excluded_by(
            self.view, self.filter, self.view.shards[shard], number - self.view.firsts[shard]
        )

    @cached_property
    def scores(self) -> F32s:
        """The scores of all documents, deleted ones included; 0 for no match. Raises StoppedError."""
        parts = [score_shard(shard.shard, self.query) for shard in self.view.shards]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    @cached_property
    def candidates(self) -> Mask:
        """The matches without a filter."""
        masks = [documents_of(shard.shard, Part(shard.allowed, shard.live)) for shard in self.view.shards]
        mask = np.concatenate(masks) & (self.scores > 0)
        mask[list(self.query.examples)] = False
        return mask

    @cached_property
    def in_scope(self) -> Mask:
        """The documents that the filter matches, deleted ones excluded."""
        parts = zip(self.view.shards, self.scope.parts, strict=True)
        return np.concatenate([documents_of(shard.shard, part) for shard, part in parts])

    @cached_property
    def matches(self) -> Mask:
        """The matches under the filter."""
        matches: Mask = self.candidates & self.in_scope
        return matches

    @cached_property
    def ranking(self) -> "Ranking":
        """The matches under the filter."""
        return Ranking(self.scores, self.matches)

    @cached_property
    def kth(self) -> float | None:
        """The score of the k-th hit; None if there are fewer."""
        kth = self.ranking.kth(self.k)
        return None if kth is None or kth < self.threshold else kth

    @cached_property
    def unfiltered(self) -> "Ranking":
        """The matches without the filter."""
        return Ranking(self.scores, self.candidates)


class Ranking:
    """Documents by score, ties by number."""

    def __init__(self, scores: F32s, members: Mask) -> None:
        self._scores, self._members = scores, members
        self._sorted = np.sort(scores[members])

    def __len__(self) -> int:
        return len(self._sorted)

    def rank(self, number: int) -> int | None:
        """Return the rank of a document, from 1; None if it is no member."""
        if not self._members[number]:
            return None
        score = self._scores[number]
        first, last = (int(np.searchsorted(self._sorted, score, side)) for side in ("left", "right"))
        better = len(self._sorted) - last
        if last - first > 1:
            better += int(np.count_nonzero(self._members[:number] & (self._scores[:number] == score)))
        return better + 1

    def kth(self, k: int) -> float | None:
        """Return the k-th score; None if there are fewer members."""
        return float(self._sorted[-k]) if k <= len(self._sorted) else None

    def best(self, k: int) -> F32s:
        """Return the k best scores, or as many as there are, float32, in no order."""
        return self._sorted[-k:] if k else self._sorted[:0]


def score_shard(shard: Shard, query: Query) -> F32s:
    """Return the score of each document of a shard, float32 [documents] by number. Raises StoppedError."""
    stop = current()
    stop.check()
    table, scores = make_query_table(shard.dimension), np.zeros(len(shard), np.float32)
    load_query(table, *shard.local_queries(as_rows([query]))[0])
    score_documents(shard.shared, table, scores, np.empty(BLOCK), stop.flag)
    stop.check()
    return scores


def why_not(case: Facts, ids: Sequence[Any]) -> list[WhyNot]:
    """Say of each id why it is or is not among the k best of a case."""
    numbers = case.find(ids)
    known = [number for number in numbers if number >= 0]
    explained = iter(contributions(case.view, case.query, known))
    answers = []
    for id, number in zip(ids, numbers, strict=True):
        current().check()
        answers.append(_absent(case, id) if number < 0 else _present(case, id, number, next(explained)))
    return answers


def _absent(case: Facts, id: Any) -> WhyNot:
    if case.was_deleted(id):
        return WhyNot(id, "deleted", "was deleted after the generation was published")
    return WhyNot(id, "missing", "is not in the collection")


def _present(case: Facts, id: Any, number: int, components: tuple[Contribution, ...]) -> WhyNot:
    score, kth = case.score(number), case.kth
    rank, unfiltered = case.ranking.rank(number), case.unfiltered.rank(number)
    failed = [] if case.inside(number) else case.excluded_by(number)
    state = _state(case, number, rank, score)
    distance = None if kth is None else score - kth
    reason = _reason(case, state, score, rank, unfiltered, kth, failed)
    return WhyNot(id, state, reason, score, rank, unfiltered, kth, distance, tuple(failed), components)


def _state(case: Facts, number: int, rank: int | None, score: float) -> State:
    if number in case.query.examples:
        return "example"
    if not case.inside(number):
        return "excluded"
    if rank is None:
        return "no_match"
    if score < case.threshold:
        return "below_threshold"
    return "hit" if rank <= case.k else "beyond_limit"


def _reason(
    case: Facts,
    state: State,
    score: float,
    rank: int | None,
    unfiltered: int | None,
    kth: float | None,
    failed: Sequence[str],
) -> str:
    of_all = f"of {len(case.ranking):,} matches"
    stored = f", by what the layout '{case.view.manifest.layout}' stores" if _is_lossy(case.view) else ""
    match state:
        case "example":
            return "is an example of the query, and examples are no hits"
        case "excluded":
            would = f"; without the filter it ranks {unfiltered:,} of {len(case.unfiltered):,}" if unfiltered else ""
            return f"is excluded by {', '.join(failed)}{would}{stored}"
        case "no_match":
            unknown = ", ".join(map(str, case.query.unknown[:5]))
            also = f"; the collection does not know {unknown}" if unknown else ""
            return f"shares no component with the query{stored}{also}"
        case "below_threshold":
            return f"scores {score:.4f}, less than the threshold {case.threshold:g}{stored}"
        case "hit":
            return f"is a hit: it ranks {rank:,} {of_all}{stored}"
        case _:
            assert kth is not None
            ties = ", and ties are ordered by document number" if score == kth else ""
            return f"ranks {rank:,} {of_all}: {kth - score:.4f} less than hit {case.k:,}{ties}{stored}"


def _is_lossy(view: View) -> bool:
    return LAYOUTS[view.manifest.layout].lossy
