"""Limits on the rate and the size of requests."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from seismic import ParameterError, SearchParams, SearchRequest
from seismic.stop import current
from seismic_server.settings import Settings
from seismic_server.shared import Shared

MOST_CALLERS = 10_000
"""Buckets that are kept. Beyond that the least recently used one is dropped, which refills it."""


class Rates:
    """A token bucket per caller: `per_second` requests on average, `burst` at once; unlimited if `per_second` is 0.

    `shared`: the memory in which all server processes keep their buckets.
    """

    def __init__(self, per_second: float, burst: int, shared: Shared | None = None) -> None:
        self._per_second, self._burst, self._shared = per_second, burst, shared
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, when)

    def take(self, caller: str) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        if not self._per_second:
            return 0.0
        if self._shared:
            return self._shared.take(caller, self._per_second, self._burst)
        now = time.monotonic()
        tokens, when = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - when) * self._per_second)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - allowed, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._per_second


def check_query(query: Any, settings: Settings, where: str = "") -> None:
    """Raise ParameterError if a query, or a part of it, has too many components or tokens."""
    most = settings.max_components
    if "fields" in query:
        for name, part in query["fields"].items():
            check_query(part, settings, f"{where}query, field '{name}': ")
        return
    for field in ("indices", "tokens"):
        if (found := len(query.get(field, ()))) > most:
            expected = f"expected at most {most} (setting max_components)"
            raise ParameterError(f"{where}query, field '{field}': found {found}, {expected}")
    for field in query.keys() - {"indices", "values", "tokens"}:
        parts = query[field] if isinstance(query[field], list) else [query[field]]
        for part in parts:
            if isinstance(part, Mapping):
                check_query(part, settings, where)


def check_rerank(searches: Iterable[SearchRequest], settings: Settings) -> None:
    """Raise ParameterError if the searches of a request ask the cross-encoder for too many scores together."""
    asking = [one for one in searches if one.rerank is not None and one.rerank.scores is None]
    found, most = sum(one.rerank.depth for one in asking if one.rerank), settings.max_rerank
    if found > most:
        raise ParameterError(f"rerank.depth: found {found}, expected at most {most} together (setting max_rerank)")


def begin_deadline(params: Iterable[SearchParams], arrived: float) -> None:
    """Start the shortest deadline of a request's searches, counted from its arrival (`time.monotonic`)."""
    timeouts = [one.timeout_ms for one in params if one.timeout_ms]
    if timeouts:
        current().after(min(timeouts), since=arrived)
