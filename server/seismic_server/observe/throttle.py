"""A limit on log lines of refusals, which may come by the thousand."""

import asyncio

import structlog

THROTTLED = frozenset({"overloaded", "rate-limit"})
"""Problems that are most frequent when the service is busiest."""

SECONDS = 1.0

log = structlog.get_logger("seismic_server.access")


class LogThrottle:
    """Log the first refusal of each kind within a second, then one line that counts the others."""

    def __init__(self) -> None:
        self._hidden: dict[str, int] = {}

    def hides(self, problem: str | None) -> bool:
        """Return whether a request with this problem gets no line of its own, and count it if so."""
        if problem not in THROTTLED:
            return False
        if problem in self._hidden:
            self._hidden[problem] += 1
            return True
        self._hidden[problem] = 0
        asyncio.get_running_loop().call_later(SECONDS, self._log, problem)  # carries the request id of the first
        return False

    def close(self) -> None:
        """Log what was counted so far."""
        for problem in list(self._hidden):
            self._log(problem)

    def _log(self, problem: str) -> None:
        if hidden := self._hidden.pop(problem, 0):
            log.warning("more requests refused", problem=problem, requests=hidden)
