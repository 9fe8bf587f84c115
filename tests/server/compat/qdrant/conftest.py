"""A service with the Qdrant API and one collection, in this process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

SPARSE = {"s": {"indices": [1, 5], "values": [1.0, 2.0]}}


class Qdrant(NamedTuple):
    """The API below its prefix."""

    client: httpx2.AsyncClient

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """Send a request, with JSON if there is a body."""
        sent = {} if body is None else {"json": body}
        return await self.client.request(method, f"/qdrant{path}", **sent, **options)

    async def result(self, method: str, path: str, body: Any = None) -> Any:
        """Return the result of a request that succeeds."""
        response = await self.ask(method, path, body)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer.keys() == {"result", "status", "time"}
        assert answer["status"] == "ok"
        return answer["result"]

    async def error(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        """Return the words of a request that is refused."""
        response = await self.ask(method, path, body)
        assert response.status_code == status, response.text
        answer = response.json()
        assert answer.keys() == {"status", "time"}
        words: str = answer["status"]["error"]
        return words

    async def create(self, name: str = "c", **options: Any) -> None:
        """Create a collection with one vector."""
        await self.result("PUT", f"/collections/{name}", {"sparse_vectors": {"s": {}}, **options})

    async def upsert(self, points: list[Any], name: str = "c") -> None:
        """Insert points."""
        await self.result("PUT", f"/collections/{name}/points", {"points": points})


@pytest.fixture
def served(running: Any, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Qdrant]]:
    """`async with served() as qdrant`: a service of an empty folder, or of the one given."""

    @asynccontextmanager
    async def serve(folder: Path = tmp_path, **settings: Any) -> AsyncIterator[Qdrant]:
        async with running(folder, compat="qdrant", **settings) as client:
            yield Qdrant(client)

    return serve
