"""Requests to a service, with retries, and errors that say what to do."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import orjson

from seismic import ParameterError
from seismic.errors import ForbiddenError, NotFoundError, ServiceError, UnauthorizedError, UnavailableError
from seismic_tools.readers.services.address import KEY, PASSWORD, Access, Address

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 60.0
"""Seconds without a byte after which an attempt fails: a page of large documents takes a while."""

_LONGEST = 300
"""Characters of a service's own words in messages."""


class Connection:
    """Requests to the service of one collection. `headers`: those of every request."""

    def __init__(self, address: Address, access: Access, headers: Mapping[str, str]) -> None:
        """Raises ParameterError without the packages of the extra `client`, or for a key that no header can hold."""
        try:
            import httpx2
            import tenacity  # noqa: F401

            from seismic.client.retries import Retries
        except ImportError as error:
            raise ParameterError(
                f"{address}: reading a service needs the extra `client`: pip install 'seismic-search[client]' ({error})"
            ) from None
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ParameterError(f"{KEY}: found characters that a header cannot hold")
        self.address, self._retries = address, Retries(attempts=5, first_wait=0.5)
        auth = httpx2.BasicAuth(access.user, access.password or "") if access.user is not None else None
        self._client = httpx2.Client(headers=dict(headers), auth=auth, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def ask(
        self, method: str, path: str, body: Any = None, *, repeatable: bool = True, **query: str | int
    ) -> dict[str, Any]:
        """Return the JSON object that the service answers. `path` starts below the base of the address.

        Raises:
            UnauthorizedError, ForbiddenError, NotFoundError: for 401, 403 and 404.
            ServiceError: for other errors, and for answers that are no JSON object.
            UnavailableError: if the service does not answer, or refuses, after some attempts.
        """
        import httpx2
        import tenacity

        from seismic.client.retries import TemporaryError

        url = f"{self.address.base}/{path}"
        try:
            for attempt in tenacity.Retrying(**self._retries.keywords(repeatable)):
                with attempt:
                    return self._answer(self._client.request(method, url, params=query, content=_json(body)))
        except TemporaryError as error:
            raise UnavailableError(f"{url}: {_status(error.response)}; try again later") from None
        except httpx2.TransportError as error:
            raise UnavailableError(
                f"{url}: no answer ({type(error).__name__}: {error}); check the address, and that the service runs"
            ) from None
        except httpx2.HTTPError as error:
            raise ServiceError(f"{url}: {type(error).__name__}: {error}") from None
        raise AssertionError("an attempt returns or raises")

    def segment(self, name: str) -> str:
        """Return a name as one segment of a path."""
        return quote(name, safe="")

    def _answer(self, response: "httpx2.Response") -> dict[str, Any]:
        from seismic.client.retries import TEMPORARY, TemporaryError

        found = f"{response.url}: {_status(response)}"
        match response.status_code:
            case 401:
                raise UnauthorizedError(
                    f"{found}; set the environment variable {KEY}, or --user NAME and {PASSWORD} in the environment"
                )
            case 403:
                raise ForbiddenError(f"{found}; the key or user may not read {self.address.name!r}")
            case 404:
                raise NotFoundError(f"{found}; check the URL: it ends with the name of the collection")
            case status if status in TEMPORARY:
                raise TemporaryError(response)
        if not response.is_success:
            raise ServiceError(found)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise ServiceError(f"{response.url}: the answer is no JSON object; check that the URL is of such a service")
        return answer


def _json(body: Any) -> bytes | None:
    return None if body is None else orjson.dumps(body)


def _status(response: "httpx2.Response") -> str:
    """Return the status of an answer, and what the service says."""
    to = f", which leads to {response.headers['Location']}" if "Location" in response.headers else ""
    said = _said(response)
    return f"status {response.status_code} {response.reason_phrase}{to}{f' ({said})' if said else ''}"


def _said(response: "httpx2.Response") -> str:
    """Return the words of an error: {"status": {"error"}} of Qdrant, {"error": {"reason"}} of OpenSearch and so on."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    for keys in (("status", "error"), ("error", "reason"), ("detail",), ("error",), ("message",)):
        value = answer
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value[:_LONGEST]
    return ""
