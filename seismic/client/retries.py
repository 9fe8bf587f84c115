"""Retries. Changes of documents are by id, so they may be retried like reads, except on conditions."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import httpx2
import tenacity

TEMPORARY = frozenset({429, 502, 503})
"""Status codes of a temporarily unavailable service or of a proxy in front of it."""


class TemporaryError(Exception):
    """An answer with a temporary status code."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential backoff with jitter.

    `attempts` includes the first one. Waits double from `first_wait` up to `longest_wait` seconds; each is reduced at
    random by up to a half, so that clients do not retry in step. `Retry-After` is respected up to `longest_wait`.
    """

    attempts: int = 4
    first_wait: float = 0.1
    longest_wait: float = 5.0

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next attempt."""
        backoff: float = self.first_wait * 2 ** (state.attempt_number - 1)
        error = state.outcome.exception() if state.outcome else None
        requested = retry_after(error.response) if isinstance(error, TemporaryError) else 0.0
        return min(self.longest_wait, max(requested, backoff * random.uniform(0.5, 1.0)))

    def keywords(self, repeatable: bool = True) -> "_Keywords":
        """Return the keyword arguments for tenacity.

        A call that is not `repeatable` is retried only if the service refused it or could not be reached.
        """
        again = tenacity.retry_if_exception_type((TemporaryError, httpx2.TransportError))
        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": self.wait,
            "retry": again if repeatable else tenacity.retry_if_exception(_was_refused),
            "reraise": True,
        }


DEFAULT = Retries()
"""Up to three retries within about a second."""


class _Keywords(TypedDict):
    stop: tenacity.stop_after_attempt
    wait: Callable[[tenacity.RetryCallState], float]
    retry: tenacity.retry_if_exception
    reraise: bool


def _was_refused(error: BaseException) -> bool:
    """Return whether a call was certainly not carried out. A proxy answers 502 after it may have been."""
    if isinstance(error, TemporaryError):
        return error.response.status_code != 502
    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def retry_after(response: httpx2.Response) -> float:
    """Return the seconds the service asks to wait; 0 if it does not, or if it names a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0.0
