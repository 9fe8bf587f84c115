"""Lines of refusals that may come by the thousand."""

import asyncio

import structlog

FLOODS = frozenset({"overloaded", "rate-limit"})
"""Problems of which there are more the less there is to spare for them."""

SECONDS = 1.0

log = structlog.get_logger("seismic_server.access")


class LogThrottle:
    """The first refusal within a second has its line, as any request; the others of its kind are counted in one more,
    at the end of that second."""

    def __init__(self) -> None:
        self._others: dict[str, int] = {}

    def hides(self, problem: str | None) -> bool:
        """Whether a request that met with such a problem has no line of its own."""
        if problem not in FLOODS:
            return False
        if problem in self._others:
            self._others[problem] += 1
            return True
        self._others[problem] = 0
        asyncio.get_running_loop().call_later(SECONDS, self._tell, problem)  # with the request id of the first
        return False

    def close(self) -> None:
        """Tell what was counted so far."""
        for problem in list(self._others):
            self._tell(problem)

    def _tell(self, problem: str) -> None:
        if others := self._others.pop(problem, 0):
            log.warning("more requests refused", problem=problem, requests=others)
