"""Who may do what: from a request to its key, and from the key to a yes or no."""

import re
from collections.abc import Iterable

from seismic import SeismicError
from seismic.errors import ForbiddenError, UnauthorizedError
from seismic_server.access.keys import Key

OPEN = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""Paths that need no key; nothing of a collection is in them."""

ASSETS = ("/static-offline-docs/", "/console/")
"""Where what these pages load is."""

_COLLECTION = re.compile(r"/v1/collections/([^/]+)")
_SEARCHES = re.compile(r"/v1/collections/[^/]+/(search|count|facets)(/.*)?")
"""What a POST only reads. Any other changes something, until it is listed here."""


def secret_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key of a request: `Authorization: Bearer`, else `Api-Key` or `X-API-Key`."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in (b"authorization", b"api-key", b"x-api-key"):
            found.setdefault(name, value)
    scheme, _, token = found.get(b"authorization", b"").partition(b" ")
    secret = token.strip() if scheme.lower() == b"bearer" else found.get(b"api-key") or found.get(b"x-api-key")
    return secret.decode("latin-1") if secret else None


def is_open(path: str) -> bool:
    """Whether anybody may ask for it."""
    return path in OPEN or path.startswith(ASSETS)


def check(key: Key | None, given: bool, method: str, path: str) -> None:
    """UnauthorizedError without a key, or with one that is none; ForbiddenError if it may not do that."""
    if problem := _problem(key, given, method, path):
        raise problem


def _problem(key: Key | None, given: bool, method: str, path: str) -> SeismicError | None:
    if key is None:
        found = "a key that is unknown or revoked" if given else "no key"
        return UnauthorizedError(f"found {found}, expected 'Authorization: Bearer KEY' or 'Api-Key: KEY'")
    if key.role != "admin" and not reads(method, path):
        return ForbiddenError(f"key '{key.name}' is {key.role}, expected a key of the role admin")
    if key.collections is None:
        return None
    name = collection_of(method, path)
    if name is None and path != "/v1/collections":  # the list has only those it is for
        return ForbiddenError(f"key '{key.name}' is for some collections, expected one for all")
    if name is not None and name not in key.collections:
        return ForbiddenError(f"key '{key.name}' is not for collection '{name}'")
    return None


def reads(method: str, path: str) -> bool:
    """Whether a request changes nothing."""
    return method in ("GET", "HEAD", "OPTIONS") or searches(method, path)


def searches(method: str, path: str) -> bool:
    """Whether a request needs a thread that searches."""
    return method == "POST" and _SEARCHES.fullmatch(path) is not None


def collection_of(method: str, path: str) -> str | None:
    """The collection that a request is about."""
    match = _COLLECTION.match(path)
    if match is None:
        return None
    name, rest = match[1], path[match.end() :]
    if method == "POST" and not rest and ":" in name:  # POST .../NAME:reload, of a name that may have colons, too
        return name.rpartition(":")[0]
    return name
