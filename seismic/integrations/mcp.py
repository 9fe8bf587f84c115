"""MCP: a server whose tools search collections and read their documents."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from seismic.conversion.numbers import as_path
from seismic.conversion.plain import to_json
from seismic.errors import ParameterError, SeismicError
from seismic.extras import hinted
from seismic.index import Index, open_index
from seismic.integrations.ids import typed_ids
from seismic.maintenance.lifecycle import aliases, collections
from seismic.search.request import SearchRequest
from seismic.store.collection import CURRENT
from seismic.version import __version__

with hinted():
    from mcp.server import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

LONGEST = 100
"""Most hits of a search and ids of a call: answers are read by a language model."""

INSTRUCTIONS = """Search collections of documents, best first, and read documents by id. `list_collections` names the
collections and their columns. Queries are texts, or token weights where a collection has no encoder."""


class Served:
    """The collections of a folder, or one collection; each is opened when it is first used."""

    def __init__(self, path: Path) -> None:
        one = (path / CURRENT).exists()
        self._folder = path.resolve().parent if one else path
        self._only = path.resolve().name if one else None
        self._open: dict[str, Index] = {}
        if not self.names():
            raise ParameterError(f"{path}: found no collection, expected a collection or a folder of collections")

    def names(self) -> list[str]:
        """Return the names of the collections and aliases."""
        return [self._only] if self._only else [*collections(self._folder), *aliases(self._folder)]

    def index(self, name: str | None) -> Index:
        """Return a collection with all changes; None is the only one. Raises ParameterError or StorageError."""
        names = self.names()
        if name is None and len(names) == 1:
            name = names[0]
        if name not in names:
            found = "no collection" if name is None else f"collection '{name}'"
            raise ParameterError(f"found {found}, expected one of {', '.join(names)}")
        if name not in self._open:
            self._open[name] = open_index(self._folder / name)
        self._open[name].refresh()
        return self._open[name].frozen()


def make_server(path: str | Path) -> MCPServer:
    """Return a server for a collection or a folder of collections; `run` serves it over stdio.

    Errors reach the client in words. Raises ParameterError if there is no collection.
    """
    served = Served(as_path(path))
    server = MCPServer("seismic", instructions=INSTRUCTIONS, version=__version__)

    @server.tool()
    def list_collections() -> dict[str, Any]:
        """List the collections: their name, number of documents, columns, and whether they search texts."""
        with _told():
            return {"collections": [_described(name, served.index(name)) for name in served.names()]}

    @server.tool()
    def search(
        query: str | None = None,
        collection: str | None = None,
        limit: int = 10,
        tokens: dict[str, float] | None = None,
        filter: dict[str, Any] | None = None,
        columns: list[str] | None = None,
    ) -> dict[str, Any]:
        """Search a collection and return the best documents with their scores, best first.

        Args:
            query: A text, for collections that search texts.
            collection: Name of the collection; may be left out if there is only one.
            limit: Number of hits, from 1 to 100.
            tokens: Token weights in place of a text.
            filter: Restricts the search, such as {"lang": "en"} or {"key": "year", "range": {"gte": 2020}}.
            columns: Columns to return; all by default.
        """
        with _told():
            if (query is None) == (tokens is None):
                raise ParameterError("expected either query or tokens")
            _check(limit, "limit")
            index = served.index(collection)
            asked = SearchRequest(query=query if tokens is None else {"tokens": tokens}, limit=limit, filter=filter)
            answer = index.ask(asked)
            payloads = index.payloads([hit.number for hit in answer.hits], columns)
            hits = [
                {"id": hit.id, "score": hit.score, **_shown(payload)}
                for hit, payload in zip(answer.hits, payloads, strict=True)
            ]
            return {"hits": hits, "warnings": answer.warnings}

    @server.tool()
    def get(ids: list[str | int], collection: str | None = None, columns: list[str] | None = None) -> dict[str, Any]:
        """Read documents by id.

        Args:
            ids: Ids of documents, from 1 to 100.
            collection: Name of the collection; may be left out if there is only one.
            columns: Columns to return; all by default.
        """
        with _told():
            _check(len(ids), "number of ids")
            index = served.index(collection)
            found = index.fetch(typed_ids(index, ids), columns)
            missing = [id for id, document in zip(ids, found, strict=True) if document is None]
            return {
                "documents": [{"id": one.id, **_shown(one.payload)} for one in found if one is not None],
                "missing": missing,
            }

    return server


def _described(name: str, index: Index) -> dict[str, Any]:
    texts = index.manifest.encoder is not None or any(field.encoder for field in index.fields)
    return {"name": name, "documents": len(index), "columns": index.columns, "texts": texts}


def _shown(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload as JSON has it, without nulls."""
    given = {name: value for name, value in payload.items() if value is not None}
    return {"payload": orjson.loads(orjson.dumps(given, default=to_json))}


def _check(number: int, what: str) -> None:
    if not 1 <= number <= LONGEST:
        raise ParameterError(f"{what} is {number}, expected 1 to {LONGEST}")


@contextmanager
def _told() -> Iterator[None]:
    """Pass on errors in words; the SDK hides those of any other exception."""
    try:
        yield
    except SeismicError as error:
        raise ToolError(str(error)) from error
