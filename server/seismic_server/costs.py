"""What searches cost, to answer short ones on the event loop: handing them to a thread costs more than they do."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from seismic import Index, SearchRequest

MOST_HITS, MOST_TERMS = 100, 256
"""Largest search on the event loop. Longer answers take longer to write than to find."""

TRUSTED = 16
"""Searches on threads before their mean is trusted. The first ones read pages from disk."""

SHARE = 0.1
"""Weight of the newest search in the mean."""

PAGE_SECONDS = 0.001
"""Cost of reading a page from disk, during which the thread waits without using CPU time."""

MOST_MEANS = 1000
"""Means that are kept; beyond that all are measured again."""


_COSTLY = ("filter", "idf_filter", "feedback", "fusion", "rerank", "group_by", "facets")
_KNOBS = ("query_cut", "heap_factor", "bound_share")


class Costs:
    """The mean cost of plain searches by generation and magnitude of their limit. For the service's own threads.

    `most` microseconds may a search take on the event loop; 0: none runs there.
    """

    def __init__(self, most: int) -> None:
        self._most = most / 1e6 if hasattr(resource, "RUSAGE_THREAD") else 0.0
        self._means: dict[tuple[str, str, int], tuple[int, float]] = {}  # (searches, seconds)

    def expects_short(self, index: Index, search: SearchRequest) -> bool:
        """Return whether a search is plain, and those before it were short."""
        if not (self._most and index.has_shards and is_plain(search)):
            return False
        seen, mean = self._means.get(_key(index, search), (0, 0.0))
        return seen >= TRUSTED and mean <= self._most

    @contextmanager
    def measure(self, index: Index, search: SearchRequest) -> Iterator[None]:
        """Add what the block costs this thread to the mean, if the search is plain."""
        if not (self._most and is_plain(search)):
            yield
            return
        began = _spent()
        yield
        seconds, key = _spent() - began, _key(index, search)
        seen, mean = self._means.get(key, (0, seconds))
        if len(self._means) >= MOST_MEANS and not seen:
            self._means = {}
        self._means[key] = seen + 1, mean + SHARE * (seconds - mean)


def is_plain(search: SearchRequest) -> bool:
    """Return whether a search has a short vector, and asks for nothing that takes time of its own."""
    query, params = search.query, search.params
    terms = query.get("indices") or query.get("tokens") if isinstance(query, dict) else None
    return (
        terms is not None
        and len(terms) <= MOST_TERMS
        and search.end <= MOST_HITS
        and params.plan != "lists"
        and not search.explain
        and all(getattr(search, name) is None for name in _COSTLY)
        and all(getattr(params, name) is None for name in _KNOBS)
    )


def _key(index: Index, search: SearchRequest) -> tuple[str, str, int]:
    return index.name, index.generation, search.end.bit_length()


def _spent() -> float:
    """Return what this thread has cost so far: its CPU time in seconds, and its reads from disk."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime + used.ru_majflt * PAGE_SECONDS
