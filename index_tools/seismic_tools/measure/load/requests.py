"""Requests of a load test, prepared before it starts."""

import itertools
from typing import Any
from urllib.parse import urlsplit

import orjson

from seismic import ParameterError, SparseVectors


def address(url: str) -> tuple[str, int]:
    """Return host and port of a service; ParameterError for a URL of another kind."""
    place = urlsplit(url)
    if place.scheme != "http" or not place.hostname:
        raise ParameterError(f"found {url!r}, expected http://HOST:PORT")
    return place.hostname, place.port or 80


def requests(url: str, collection: str, bodies: list[bytes], batched: bool, key: str | None) -> list[bytes]:
    """Return complete HTTP requests, one per body."""
    path = f"{urlsplit(url).path.rstrip('/')}/v1/collections/{collection}/search" + ("/batch" if batched else "")
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {key}\r\n" if key else ""
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


def bodies(vectors: SparseVectors, params: dict[str, Any], batch: int) -> list[bytes]:
    """Return bodies with a search per query and `params` as its other fields, `batch` searches per body."""
    searches = [
        {"query": {"indices": indices.tolist(), "values": values.tolist()}, **params}
        for indices, values in (vectors[row] for row in range(len(vectors)))
    ]
    if batch == 1:
        return [orjson.dumps(search) for search in searches]
    repeated = itertools.chain.from_iterable(itertools.repeat(searches))
    return [orjson.dumps({"searches": list(itertools.islice(repeated, batch))}) for _ in range(64)]
