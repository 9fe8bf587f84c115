"""The client that awaits."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx
import tenacity

from seismic.client import calls
from seismic.client.calls import AsVector, Call, Query
from seismic.client.models import (
    Change,
    CollectionInfo,
    Count,
    Document,
    NewDocument,
    SearchAnswer,
    SearchOptions,
)
from seismic.client.problems import error_of, headers, read, unreachable
from seismic.client.retries import DEFAULT, Retries, TemporaryError

T = TypeVar("T")


class AsyncClient:
    """Talks to a service, many requests at once over few connections.

    `url` of the service; `api_key` for services that ask for one; `timeout` in seconds, of one attempt; `retries`: how
    often, and when. Any other keyword goes to httpx (`verify`, `limits`, `proxy` ...). Raises the engine's errors for
    what the service refuses, and ServiceError, of which UnavailableError is one, for a service that does not answer.
    Close it, or use it in an `async with` statement, so that connections end.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: Retries = DEFAULT,
        **options: Any,
    ) -> None:
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=url, headers=headers(api_key), timeout=timeout, **options)

    async def search(self, collection: str, query: Query, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """The documents with the largest inner products with the query, best first.

        `query`: {"indices", "values"}, {"tokens"}, {"text"}, {"id"} or examples; `options` as the service documents
        them.
        """
        return await self._send(calls.search(collection, query, options))

    async def search_batch(
        self, collection: str, queries: Sequence[Query], **options: Unpack[SearchOptions]
    ) -> list[SearchAnswer]:
        """An answer for each query, in their order, in one request."""
        return await self._send(calls.search_batch(collection, queries, options))

    async def count(self, collection: str, filter: Mapping[str, Any] | None = None) -> Count:
        """How many documents match a filter; without one, how many there are."""
        return await self._send(calls.count(collection, filter))

    async def document(self, collection: str, id: str | int, *, with_vector: AsVector = False) -> Document:
        """A document; DocumentNotFoundError if there is none of that id."""
        return await self._send(calls.document(collection, id, with_vector))

    async def upsert(self, collection: str, documents: Sequence[NewDocument]) -> Change:
        """Put documents in; those whose id is there are replaced. All of them or, if one is wrong, none."""
        return await self._send(calls.upsert(collection, documents))

    async def delete(self, collection: str, ids: Sequence[str] | Sequence[int]) -> Change:
        """Take documents out; ids that are not there are passed over."""
        return await self._send(calls.delete(collection, ids))

    async def collection(self, name: str) -> CollectionInfo:
        """A collection and its state."""
        return await self._send(calls.collection_info(name))

    async def collections(self) -> list[CollectionInfo]:
        """Every collection."""
        return await self._send(calls.collections())

    async def ready(self) -> bool:
        """True if every collection answers searches; UnavailableError if not, after all attempts."""
        return await self._send(calls.ready())

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call[T]) -> T:
        async def attempt() -> T:
            return read(call, await self._http.request(call.method, call.path, content=call.content))

        try:
            return await tenacity.AsyncRetrying(**self._retries.keywords())(attempt)
        except TemporaryError as problem:
            raise error_of(problem.response) from None
        except httpx.TransportError as error:
            raise unreachable(self._http.base_url, error) from error
