"""When to ask again, and how long to wait: every call may be repeated, as changes are by id."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import httpx
import tenacity

TEMPORARY = frozenset({429, 502, 503})
"""Statuses of a service, or of a proxy before it, that may soon answer."""


class TemporaryError(Exception):
    """An answer of a temporary status."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` in all, the first included; waits grow from `first_wait` to `longest_wait` seconds, at random within
    a half, so that clients do not come back together. A service that says when to come back (`Retry-After`) is heard
    up to the longest wait."""

    attempts: int = 4
    first_wait: float = 0.1
    longest_wait: float = 5.0

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next attempt."""
        growing: float = self.first_wait * 2 ** (state.attempt_number - 1)
        error = state.outcome.exception() if state.outcome else None
        asked = retry_after(error.response) if isinstance(error, TemporaryError) else 0.0
        return min(self.longest_wait, max(asked, growing * random.uniform(0.5, 1.0)))

    def keywords(self) -> "_Keywords":
        """For tenacity."""
        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": self.wait,
            "retry": tenacity.retry_if_exception_type((TemporaryError, httpx.TransportError)),
            "reraise": True,
        }


DEFAULT = Retries()
"""Up to three more attempts within about a second."""


class _Keywords(TypedDict):
    stop: tenacity.stop_after_attempt
    wait: Callable[[tenacity.RetryCallState], float]
    retry: tenacity.retry_if_exception_type
    reraise: bool


def retry_after(response: httpx.Response) -> float:
    """Seconds that the service asks to wait; 0 if it does not, or names a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
