"""Both clients against services that fail as scripted: what they retry, when, and when they give up."""

from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pytest

from seismic import errors
from seismic.client import Retries
from seismic.client.problems import TYPE
from seismic.errors import OverloadedError, ParameterError, SeismicError, ServiceError, UnavailableError

from .test_client import AT_ONCE, asked


class Script:
    """A service that answers as told, one thing after another, and remembers what it was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers, self.requests = list(answers), list[httpx2.Request]()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)  # a stream ends once


@pytest.fixture(params=["blocking", "asynchronous"])
def scripted(request: pytest.FixtureRequest) -> Callable[..., Any]:
    def run(script: Script, **options: Any) -> Any:
        client = {"transport": httpx2.MockTransport(script), "retries": AT_ONCE, **options}
        return asked(request.param, "http://service", "collections", client=client)

    return run


OK = orjson.dumps({"collections": []})


def problem(status: int, slug: str = "overloaded", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, headers=headers, content=orjson.dumps({"type": TYPE + slug, "detail": "busy"}))


def test_temporary_problems_are_retried(scripted: Callable[..., Any]) -> None:
    script = Script(problem(503), httpx2.ConnectError("refused"), httpx2.Response(200, content=OK))
    assert scripted(script) == []
    assert len(script.requests) == 3


def test_it_gives_up(scripted: Callable[..., Any]) -> None:
    script = Script(*(problem(503, **{"Retry-After": "7"}) for _ in range(3)))
    with pytest.raises(OverloadedError, match="busy") as caught:
        scripted(script)
    assert caught.value.retry_after == 7
    unreachable = Script(*(httpx2.ReadTimeout("slow") for _ in range(3)))
    with pytest.raises(ServiceError, match=r"http://service.*no answer \(ReadTimeout: slow"):
        scripted(unreachable)


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (httpx2.Response(500, content=b"<html>"), ServiceError, "found status 500 Internal Server Error"),
        (problem(500, "storage"), errors.StorageError, "busy"),
        (problem(400, "never heard of"), ServiceError, "busy"),
        (httpx2.Response(200, content=b"<html>"), ServiceError, "check that the URL is a Seismic service"),
        (httpx2.Response(200, content=b"[]"), ServiceError, "check that the URL is a Seismic service"),
    ],
)
def test_other_problems_are_not_retried(
    scripted: Callable[..., Any], response: httpx2.Response, kind: type[SeismicError], message: str
) -> None:
    script = Script(response)
    with pytest.raises(kind, match=message):
        scripted(script)
    assert len(script.requests) == 1


def test_a_proxy_that_is_overloaded(scripted: Callable[..., Any]) -> None:
    with pytest.raises(UnavailableError, match="found status 502 Bad Gateway"):
        scripted(Script(*(httpx2.Response(502) for _ in range(3))))


def test_the_key_goes_with_every_request(scripted: Callable[..., Any]) -> None:
    script = Script(httpx2.Response(200, content=OK))
    scripted(script, api_key="secret\n")  # as a file has it
    assert script.requests[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("key", ["s\ncret", "secr\u00e9t"])
def test_what_is_no_key_is_refused(scripted: Callable[..., Any], key: str) -> None:
    with pytest.raises(ParameterError, match="api_key: found invalid characters"):
        scripted(Script(), api_key=key)


def test_waits_grow_and_heed_the_service() -> None:
    import tenacity

    def state(attempt: int, error: Exception) -> tenacity.RetryCallState:
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.attempt_number = attempt
        state.set_exception((type(error), error, None))
        return state

    from seismic.client.retries import TemporaryError

    retries = Retries(first_wait=0.2, longest_wait=3.0)
    waits = [retries.wait(state(attempt, httpx2.ConnectError("no"))) for attempt in range(1, 8)]
    assert all(0.1 * 2**n <= wait <= 0.2 * 2**n for n, wait in enumerate(waits[:4]))
    assert max(waits) <= 3.0
    assert retries.wait(state(1, TemporaryError(problem(503, **{"Retry-After": "2"})))) == 2.0
    assert retries.wait(state(1, TemporaryError(problem(503, **{"Retry-After": "99"})))) == 3.0
