"""An application with one index, for the tests of a module."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from seismic_server import Settings, create_app

from ...conftest import PATIENCE, wait_for

MAPPING = {
    "mappings": {
        "properties": {
            "tokens": {"type": "rank_features"},
            "title": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
            "lang": {"type": "keyword"},
            "year": {"type": "integer"},
            "price": {"type": "double"},
            "sold": {"type": "boolean"},
            "made": {"type": "date"},
            "meta": {"properties": {"author": {"type": "keyword"}}},
        }
    }
}
DOCUMENTS = [
    {
        "_id": f"d{number:02}",
        "tokens": {"planet": 1.0 + number, f"word{number % 5}": 0.5},
        "title": ["The red Planet", "Moons of Saturn", "stars"][number % 3],
        "lang": ["en", "de", "fr", "it"][number % 4],
        **({"year": 2000 + number} if number % 7 else {}),
        "price": number / 4,
        "sold": number % 2 == 0,
        "made": f"2024-01-{1 + number:02}T12:00:00Z",
        "meta": {"author": f"a{number % 3}", "tags": ["x", "y"] if number % 6 == 0 else []},
    }
    for number in range(24)
]
"""Documents with a value of each type; some lack a year, and most a tag."""


class Api:
    """A client of the API."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def call(self, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        """Return the JSON of an answer with this status. A list is sent as lines."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        content = body if isinstance(body, bytes | None) else _content(body)
        response = self.client.request(method, f"/opensearch{path}", content=content, headers=headers, **options)
        assert response.status_code == status, response.text
        if not response.content or "json" not in response.headers["content-type"]:
            return response.text
        return response.json()

    def refused(self, method: str, path: str, body: Any = None, status: int = 400, **options: Any) -> dict[str, Any]:
        """Return the error of a refused request, which has OpenSearch's form."""
        answer = self.call(method, path, body, status, **options)
        assert answer.keys() == {"error", "status"}
        assert answer["status"] == status
        error: dict[str, Any] = answer["error"]
        assert error["root_cause"][0]["type"] == error["type"]
        assert error["reason"]
        return error

    def ids(self, query: Any, **body: Any) -> list[str]:
        """Return the ids that a query finds in `shop`."""
        found = self.call("POST", "/shop/_search", {"query": query, "size": 100, **body})
        return [hit["_id"] for hit in found["hits"]["hits"]]


def _content(body: Any) -> bytes:
    lines = body if isinstance(body, list) else [body]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def serving(folder: Path, **settings: Any) -> Iterator[Api]:
    """Serve a folder."""
    settings = {"timeout_ms": 1000 * PATIENCE, "compat": ["opensearch"], **settings}
    with TestClient(create_app(Settings(directory=folder, **settings)), raise_server_exceptions=False) as client:
        wait_for(lambda: client.get("/readyz").is_success)
        yield Api(client)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A served index `shop` of 24 documents, the same for all tests of a module."""
    for api in serving(tmp_path_factory.mktemp("shop")):
        api.call("PUT", "/shop", MAPPING)
        lines = []
        for document in DOCUMENTS:
            content = {name: value for name, value in document.items() if name != "_id"}
            lines += [{"index": {"_index": "shop", "_id": document["_id"]}}, content]
        assert api.call("POST", "/_bulk", lines)["errors"] is False
        yield api
