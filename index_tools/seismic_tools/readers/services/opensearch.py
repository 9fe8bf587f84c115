"""Read an index of OpenSearch by scrolling, or one of Elasticsearch by a point in time."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from seismic.errors import ForbiddenError, InputError, NotFoundError, SeismicError, ServiceError
from seismic_tools.readers.services.connection import Connection
from seismic_tools.readers.services.source import Document, chosen, read_answer

KEPT = "5m"
"""How long a service keeps the state of a read after each page."""

SPARSE = ("rank_features", "sparse_vector")
DENSE = ("knn_vector", "dense_vector")
EXCLUDES_VECTORS = (9, 2)
"""First version of Elasticsearch that leaves vectors out of `_source` unless they are asked for."""


class OpenSearch:
    """The documents of an index, with one of its fields of sparse vectors."""

    product: ClassVar[str] = "OpenSearch"
    kind: ClassVar[str] = "field of the type rank_features or sparse_vector"

    def __init__(self, connection: Connection, vector: str | None) -> None:
        """`vector`: name of the field; None if there is only one. Raises InputError, NotFoundError, ServiceError."""
        self._connection, self._address = connection, connection.address
        self._index = connection.segment(self._address.name)
        with self._reading():
            mappings = connection.ask("GET", f"{self._index}/_mapping")
            types: dict[str, str] = {}
            for one in mappings.values():
                types |= _fields(one["mappings"].get("properties") or {})
        sparse, dense = ([name for name, kind in types.items() if kind in kinds] for kinds in (SPARSE, DENSE))
        self.vector = chosen(self._address, vector, sparse, dense, self.kind)
        self.by_token = not (self.product == "OpenSearch" and types[self.vector] == "sparse_vector")
        self._check_product()
        self._others = [name for name in (*sparse, *dense) if name != self.vector]
        self.remarks = [f"other vectors left out: {', '.join(self._others)}"] if self._others else []

    def _check_product(self) -> None:
        """Refuse Elasticsearch, which may leave out vectors if it is asked as OpenSearch."""
        with self._reading(), suppress(ForbiddenError, NotFoundError):  # not every user may ask, nor every proxy answer
            version = self._connection.ask("GET", "").get("version") or {}
            if "build_flavor" in version:
                raise InputError(
                    f"{self._address}: this is Elasticsearch {version['number']}; use --from elasticsearch"
                )

    def count(self) -> int:
        """Return the number of documents."""
        with self._reading():
            return int(self._connection.ask("POST", f"{self._index}/_count")["count"])

    def pages(self, size: int) -> Iterator[list[Document]]:
        """Yield the documents in the order of the index.

        A scroll hands out each page once, so a page whose answer was lost cannot be asked for again.
        """
        body = {"query": {"match_all": {}}, "sort": ["_doc"], "_source": self._source()}
        with self._reading():
            answer = self._connection.ask("POST", f"{self._index}/_search", body, scroll=KEPT, size=size)
            scroll = answer["_scroll_id"]
        try:
            while page := self._page(answer):
                yield page
                with self._reading():
                    body = {"scroll_id": scroll, "scroll": KEPT}
                    answer = self._connection.ask("POST", "_search/scroll", body, repeatable=False)
                    scroll = answer.get("_scroll_id", scroll)
        finally:
            self._release("_search/scroll", {"scroll_id": [scroll]})

    def _source(self) -> dict[str, Any]:
        return {"excludes": self._others}

    def _release(self, path: str, body: dict[str, Any]) -> None:
        with suppress(SeismicError):  # it expires by itself
            self._connection.ask("DELETE", path, body)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with read_answer(self._address, self.product):
            yield

    def _page(self, answer: dict[str, Any]) -> list[Document]:
        with self._reading():
            shards = answer.get("_shards") or {}
            if shards.get("failed") or answer.get("timed_out"):
                failed = f"{shards.get('failed', 0)} of {shards.get('total', '?')} shards failed"
                raise ServiceError(
                    f"{self._address}: the answer is incomplete: {failed}; repeat when the index is green"
                )
            return [self._document(hit) for hit in answer["hits"]["hits"]]

    def _document(self, hit: dict[str, Any]) -> Document:
        if not isinstance(hit.get("_source"), dict):
            raise InputError(f"{self._address}, document {hit['_id']!r}: has no _source, so it cannot be read")
        payload: dict[str, Any] = hit["_source"]
        vector = _taken(payload, self.vector)
        if not self.by_token and isinstance(vector, dict):
            vector = self._numbered(hit["_id"], vector)
        return Document(hit["_id"], vector, payload)

    def _numbered(self, identity: str, vector: dict[str, Any]) -> dict[str, Any]:
        """Return {"5": 2.0} as indices and values."""
        for name in vector:
            if not (name.isascii() and name.isdecimal()):
                raise InputError(
                    f"{self._address}, document {identity!r}: '{self.vector}' has the component {name!r}, "
                    "expected an integer"
                )
        return {"indices": [int(name) for name in vector], "values": list(vector.values())}


class Elasticsearch(OpenSearch):
    """The same of Elasticsearch, by a point in time."""

    product: ClassVar[str] = "Elasticsearch"
    kind: ClassVar[str] = "field of the type sparse_vector or rank_features"

    _asks_for_vectors: bool

    def _check_product(self) -> None:
        with self._reading():
            version = self._connection.ask("GET", "")["version"]
            number = tuple(int(part) for part in version["number"].split(".")[:2])
        if version.get("distribution") == "opensearch":
            raise InputError(f"{self._address}: this is OpenSearch {version['number']}; use --from opensearch")
        self._asks_for_vectors = number >= EXCLUDES_VECTORS or version.get("build_flavor") == "serverless"

    def pages(self, size: int) -> Iterator[list[Document]]:
        """Yield the documents of a point in time, in the order of the shards."""
        with self._reading():
            pit = self._connection.ask("POST", f"{self._index}/_pit", keep_alive=KEPT)["id"]
        body: dict[str, Any] = {
            "size": size,
            "query": {"match_all": {}},
            "sort": [{"_shard_doc": "asc"}],
            "track_total_hits": False,
            "_source": self._source(),
        }
        try:
            while True:
                with self._reading():
                    answer = self._connection.ask("POST", "_search", {**body, "pit": {"id": pit, "keep_alive": KEPT}})
                    pit = answer.get("pit_id", pit)
                    hits = answer["hits"]["hits"]
                    if not hits:
                        return
                    body["search_after"] = hits[-1]["sort"]
                yield self._page(answer)
        finally:
            self._release("_pit", {"id": pit})

    def _source(self) -> dict[str, Any]:
        return super()._source() | ({"exclude_vectors": False} if self._asks_for_vectors else {})


def opensearch_headers(key: str | None) -> dict[str, str]:
    """Return the headers of every request."""
    return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})


def elasticsearch_headers(key: str | None) -> dict[str, str]:
    """Return the headers of every request. A key is as Elasticsearch encodes it, or `id:key`."""
    if key and ":" in key:
        key = base64.b64encode(key.encode()).decode()
    return {"Content-Type": "application/json"} | ({"Authorization": f"ApiKey {key}"} if key else {})


def _fields(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the type of every field by its dotted name."""
    found: dict[str, str] = {}
    for name, field in properties.items():
        if "type" in field and field["type"] not in ("object", "nested"):
            found[f"{prefix}{name}"] = field["type"]
        found |= _fields(field.get("properties") or {}, f"{prefix}{name}.")
    return found


def _taken(payload: dict[str, Any], path: str) -> Any:
    """Take the value at a dotted path out of a document, which may write the path as one key; None if it is not there.

    An object that holds nothing else goes with it.
    """
    if path in payload:
        return payload.pop(path)
    for at in (at for at, letter in enumerate(path) if letter == "."):
        child = payload.get(path[:at])
        if isinstance(child, dict):
            value = _taken(child, path[at + 1 :])
            if not child:
                del payload[path[:at]]
            return value
    return None
