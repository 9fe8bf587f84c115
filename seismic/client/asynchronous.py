"""The asynchronous client."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2
import tenacity

from seismic.client import calls
from seismic.client.asynchronous_lifecycle import Lifecycle
from seismic.client.batching import DEFAULT as BATCHING
from seismic.client.batching import Batching
from seismic.client.calls import AsVector, Call, Query
from seismic.client.connections import PerProcess
from seismic.client.exports import export_path
from seismic.client.models import (
    Change,
    CollectionInfo,
    Count,
    Document,
    NewDocument,
    Page,
    PatchOptions,
    ScrollOptions,
    SearchAnswer,
    SearchOptions,
    WhyNot,
)
from seismic.client.problems import BYTES, error_of, headers, read, unreachable
from seismic.client.retries import DEFAULT, Retries, TemporaryError

T = TypeVar("T")


class AsyncClient(Lifecycle):
    """A client of a Seismic service. Runs concurrent requests over pooled connections. Safe after a fork.

    `url` of the service; `api_key` if the service requires one; `timeout` of one attempt in seconds; `retries`: number
    and timing of attempts; `batching`: limits at which large batches are split. Other keywords go to httpx2 (`verify`,
    `limits`, `proxy` ...). A request that the service refuses raises the engine's error; a service that does not answer
    raises ServiceError or its subclass UnavailableError. Close the client or use `async with`, so that its connections
    are closed.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 10.0,
        retries: Retries = DEFAULT,
        batching: Batching = BATCHING,
        **options: Any,
    ) -> None:
        self._retries, self._batching = retries, batching
        settings = {"base_url": url, "headers": headers(api_key), "timeout": timeout, **options}
        self._arguments = (
            url,
            {"api_key": api_key, "timeout": timeout, "retries": retries, "batching": batching, **options},
        )
        self._connections = PerProcess(lambda: httpx2.AsyncClient(**settings))
        self._connections.get()  # reports wrong options at once

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments: unpickling makes a client with connections of its own."""
        url, options = self._arguments
        return partial(type(self), **options), (url,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a client with connections of its own and the same options."""
        url, options = self._arguments
        return type(self)(url, **options)

    async def search(
        self, collection: str, query: Query | None = None, **options: Unpack[SearchOptions]
    ) -> SearchAnswer:
        """Return the documents with the largest inner products with the query, best first.

        `query`: {"indices", "values"}, {"tokens"}, {"text"}, {"id"} or examples; None lists documents. The service
        documents `options`.
        """
        return await self._send(calls.search(collection, query, options))

    async def search_batch(
        self, collection: str, queries: Sequence[Query | None], **options: Unpack[SearchOptions]
    ) -> list[SearchAnswer]:
        """Return one answer per query, in order. Large batches are sent in several requests, see `Batching`."""
        requests = calls.search_batch(collection, queries, options, self._batching)
        return [answer for request in requests for answer in await self._send(request)]

    async def why_not(
        self,
        collection: str,
        query: Query,
        ids: Sequence[str] | Sequence[int],
        *,
        filter: Mapping[str, Any] | None = None,
        limit: int = 10,
        score_threshold: float | None = None,
    ) -> list[WhyNot]:
        """Return, for each id, why its document is or is not among the hits of a search."""
        return await self._send(calls.why_not(collection, query, ids, filter, limit, score_threshold))

    async def count(
        self, collection: str, filter: Mapping[str, Any] | None = None, *, min_sequence: int | None = None
    ) -> Count:
        """Return the number of documents that match a filter. None: the number of all documents.

        `min_sequence`: wait until this change is included.
        """
        return await self._send(calls.count(collection, filter, min_sequence))

    async def document(
        self, collection: str, id: str | int, *, with_vector: AsVector = False, min_sequence: int | None = None
    ) -> Document:
        """Return a document. Raises DocumentNotFoundError if no document has the id.

        `min_sequence`: wait until this change is included.
        """
        return await self._send(calls.document(collection, id, with_vector, min_sequence))

    async def documents(
        self,
        collection: str,
        ids: Sequence[str] | Sequence[int],
        *,
        with_payload: bool | Sequence[str] = True,
        with_vector: AsVector = False,
        min_sequence: int | None = None,
    ) -> list[Document | None]:
        """Return the documents of ids, in their order; None for ids without one.

        `min_sequence`: wait until this change is included.
        """
        requests = calls.documents(collection, ids, with_payload, with_vector, min_sequence, self._batching)
        return calls.in_order(ids, [await self._send(request) for request in requests])

    async def exists(self, collection: str, ids: Sequence[str] | Sequence[int]) -> list[bool]:
        """Return whether there is a document with each id."""
        found = await self.documents(collection, ids, with_payload=False)
        return [document is not None for document in found]

    async def scroll(self, collection: str, **options: Unpack[ScrollOptions]) -> AsyncIterator[Document]:
        """Yield all documents, or those that match a filter, by id or in the order of `order_by`.

        Documents are requested page by page, `limit` at a time. Each one that does not change meanwhile comes exactly
        once. `order_by`: a column, or {"key", "direction"}.
        """
        cursor: str | None = None
        while True:
            page = await self.scroll_page(collection, cursor, **options)
            for document in page.documents:
                yield document
            if (cursor := page.cursor) is None:
                return

    async def scroll_page(self, collection: str, cursor: str | None = None, **options: Unpack[ScrollOptions]) -> Page:
        """Return one page of documents, and the cursor of the next page. The cursor stays valid across changes."""
        return await self._send(calls.scroll(collection, cursor, options))

    async def upsert(self, collection: str, documents: Sequence[NewDocument]) -> Change:
        """Insert documents, or replace those with the same ids. If one is wrong, none of its request is stored.

        Documents with `if_absent` or `if_sequence` are stored on that condition; otherwise ConflictError is raised.

        More than 32 MiB (`Batching.upsert_bytes`) are sent in several requests; those before the wrong one stay stored.
        """
        requests = calls.upsert(collection, documents, self._batching)
        return calls.together([await self._send(request) for request in requests])

    async def patch(self, collection: str, **options: Unpack[PatchOptions]) -> Change:
        """Change columns or vectors of documents; what is not named stays.

        Either `documents` with `id`, `payload`, `unset`, a vector and `if_sequence`; or `filter`, `payload` and `unset`
        for all documents that match. `mode`: "merge" or "replace". Unknown ids are ignored.
        """
        requests = calls.patch(collection, options, self._batching)
        return calls.together([await self._send(request) for request in requests])

    async def delete(
        self,
        collection: str,
        ids: Sequence[str] | Sequence[int] | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        if_sequence: int | None = None,
    ) -> Change:
        """Delete documents by id, or all that match a filter. Unknown ids are ignored.

        `if_sequence`: only if no change after it named any of the ids; otherwise ConflictError is raised.
        """
        return await self._send(calls.delete(collection, ids, filter, if_sequence))

    async def export(
        self,
        collection: str,
        to: str | os.PathLike[str],
        *,
        filter: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        with_vector: AsVector = True,
        replace: bool = False,
    ) -> Path:
        """Write all documents, or those that match a filter, to a file that ends in .parquet, .jsonl or .ndjson.

        They are of one state of the collection, however it changes meanwhile. `columns` of the payload; None for all.
        The file appears when it is complete; an interrupted download starts again. Raises OutputExistsError unless
        `replace`.
        """
        file, path = export_path(collection, to, filter, columns, with_vector, replace=replace)
        return await self._download(path, file)

    async def collection(self, name: str) -> CollectionInfo:
        """Return the description and state of a collection."""
        return await self._send(calls.collection_info(name))

    async def collections(self) -> list[CollectionInfo]:
        """Return the description and state of every collection."""
        return await self._send(calls.collections())

    async def ready(self) -> bool:
        """Return True if every collection answers searches. Raises UnavailableError after the last attempt."""
        return await self._send(calls.ready())

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.get().aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, call: Call[T], upload: Callable[[], AsyncIterator[bytes]] | None = None) -> T:
        async def attempt() -> T:
            sent: dict[str, Any] = {"content": upload(), "headers": BYTES} if upload else {"content": call.content}
            return read(call, await self._connections.get().request(call.method, call.path, **sent))

        return await self._retry(attempt, call.repeatable)

    async def _retry(self, attempt: Callable[[], Awaitable[T]], repeatable: bool = True) -> T:
        try:
            return await tenacity.AsyncRetrying(**self._retries.keywords(repeatable))(attempt)
        except TemporaryError as problem:
            raise error_of(problem.response) from None
        except httpx2.TransportError as error:
            raise unreachable(self._connections.get().base_url, error) from error
