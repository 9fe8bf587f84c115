"""Scroll through a collection of Qdrant."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from seismic.errors import InputError, NotFoundError, ServiceError
from seismic_tools.readers.services.connection import Connection
from seismic_tools.readers.services.source import Document, chosen, read_answer


def headers(key: str | None) -> dict[str, str]:
    """Return the headers of every request."""
    return {"Content-Type": "application/json"} | ({"api-key": key} if key else {})


class Qdrant:
    """The points of a collection, with one of its sparse vectors."""

    by_token = False

    def __init__(self, connection: Connection, vector: str | None) -> None:
        """`vector`: name of the vector; None if there is only one. Raises InputError, NotFoundError, ServiceError."""
        self._connection = connection
        self._path = f"collections/{connection.segment(connection.address.name)}"
        with read_answer(connection.address, "Qdrant"):
            params = self._info()["result"]["config"]["params"]
            sparse: dict[str, Any] = params.get("sparse_vectors") or {}
            dense = _dense(params.get("vectors") or {})
        self.vector = chosen(connection.address, vector, list(sparse), dense, "sparse vector")
        self.remarks = [f"dense vectors left out: {', '.join(dense)}"] if dense else []
        if modifier := (sparse[self.vector] or {}).get("modifier"):
            self.remarks.append(
                f"vector '{self.vector}' has the modifier '{modifier}', which Qdrant applies to queries; "
                "the weights here are without it"
            )

    def count(self) -> int:
        """Return the number of points."""
        with read_answer(self._connection.address, "Qdrant"):
            answer = self._connection.ask("POST", f"{self._path}/points/count", {"exact": True})
            return int(answer["result"]["count"])

    def pages(self, size: int) -> Iterator[list[Document]]:
        """Yield the points, ordered by id."""
        body: dict[str, Any] = {"limit": size, "with_payload": True, "with_vector": [self.vector]}
        while True:
            with read_answer(self._connection.address, "Qdrant"):
                result = self._connection.ask("POST", f"{self._path}/points/scroll", body)["result"]
                points, following = result["points"], result.get("next_page_offset")
                page = [Document(each["id"], self._vector(each), each.get("payload") or {}) for each in points]
            yield page
            if following is None:
                return
            if following == body.get("offset"):
                raise ServiceError(f"{self._connection.address}: the scroll does not advance beyond {following!r}")
            body["offset"] = following

    def _vector(self, point: dict[str, Any]) -> Any:
        vectors = point.get("vector") or {}
        if self.vector == "" and "indices" in vectors:
            return vectors  # the vector without a name
        return vectors.get(self.vector)

    def _info(self) -> dict[str, Any]:
        try:
            return self._connection.ask("GET", self._path)
        except NotFoundError as error:
            raise NotFoundError(f"{error}{self._others()}") from None

    def _others(self) -> str:
        """Return the names of all collections for a message, if the service says them."""
        with suppress(ServiceError, NotFoundError, InputError), read_answer(self._connection.address, "Qdrant"):
            found = [one["name"] for one in self._connection.ask("GET", "collections")["result"]["collections"]]
            return f"; the service has {', '.join(found) or 'no collections'}"
        return ""


def _dense(vectors: dict[str, Any]) -> list[str]:
    """Return the names of dense vectors; one without a name has its parameters in place of names."""
    return ["the one without a name"] if "size" in vectors else list(vectors)
