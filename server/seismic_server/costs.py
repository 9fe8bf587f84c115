"""What searches cost, to answer short ones on the event loop: handing them to a thread costs more than they do."""

import resource
from typing import Any, TypeAlias

from seismic import Index, SearchRequest

MOST_HITS, MOST_TERMS = 100, 256
"""Largest search on the event loop. Longer answers take longer to write than to find."""

TRUSTED = 16
"""Searches on threads before their mean is trusted. The first ones read pages from disk."""

SHARE = 0.1
"""Weight of the newest search in the mean."""

SAMPLED = 4
"""One in SAMPLED searches that were expected to be short is measured: two system calls for each add up."""

PAGE_SECONDS = 0.001
"""Cost of reading a page from disk, during which the thread waits without using CPU time."""

MOST_MEANS = 1000
"""Means that are kept; beyond that all are measured again."""

Key: TypeAlias = tuple[str, str, int]
"""Collection, generation and magnitude of the limit."""

_UNKNOWN = 0, 0.0
_COSTLY = ("filter", "idf_filter", "feedback", "fusion", "rerank", "group_by", "facets", "snippet")
_KNOBS = ("query_cut", "heap_factor", "bound_share")


class Costs:
    """The mean cost of plain searches by generation and magnitude of their limit. For the service's own threads.

    `most` microseconds may a search take on the event loop; 0: none runs there.
    """

    def __init__(self, most: int) -> None:
        self._most = most / 1e6 if hasattr(resource, "RUSAGE_THREAD") else 0.0
        self._means: dict[Key, tuple[int, float]] = {}  # (searches, seconds)
        self._unmeasured = 0

    def key_of(self, index: Index, search: SearchRequest) -> Key | None:
        """Return the name of the mean that a search belongs to; None if it is not plain, or nothing is measured."""
        if not (self._most and is_plain(search) and is_short(search.query)):
            return None
        return key_of_plain(index, search.end)

    def expects_short(self, key: Key | None) -> bool:
        """Return whether searches with this key were short."""
        seen, mean = self._means.get(key, _UNKNOWN) if key else _UNKNOWN
        return seen >= TRUSTED and mean <= self._most

    def begin_sampled(self) -> float | None:
        """Return what this thread has cost so far for one of SAMPLED searches, None for the others."""
        self._unmeasured = (self._unmeasured + 1) % SAMPLED
        return None if self._unmeasured else spent()

    def add(self, key: Key | None, began: float) -> None:
        """Add to the mean what this thread has cost since `began` (`spent`)."""
        if key is None:
            return
        seconds = spent() - began
        seen, mean = self._means.get(key, (0, seconds))
        if len(self._means) >= MOST_MEANS and not seen:
            self._means = {}
        self._means[key] = seen + 1, mean + SHARE * (seconds - mean)


def key_of_plain(index: Index, end: int) -> Key | None:
    """Return the name of the mean of plain searches for `end` hits; None if nodes search the shards."""
    if not index.has_shards:
        return None
    return index.name, index.generation, end.bit_length()


def is_plain(search: SearchRequest) -> bool:
    """Return whether a search asks for nothing that takes time of its own, apart from its query."""
    params = search.params
    return (
        search.end <= MOST_HITS
        and params.plan != "lists"
        and not search.explain
        and all(getattr(search, name) is None for name in _COSTLY)
        and all(getattr(params, name) is None for name in _KNOBS)
    )


def is_short(query: Any) -> bool:
    """Return whether a query is a short vector."""
    terms = query.get("indices") or query.get("tokens") if isinstance(query, dict) else None
    return terms is not None and len(terms) <= MOST_TERMS


def spent() -> float:
    """Return what this thread has cost so far: its CPU time in seconds, and its reads from disk."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime + used.ru_majflt * PAGE_SECONDS
