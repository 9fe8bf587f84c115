"""Authentication and authorization: find the key of a request, and decide what it permits."""

import base64
import binascii
import re
from collections.abc import Iterable

from seismic import SeismicError
from seismic.errors import ForbiddenError, UnauthorizedError
from seismic_server.access.dialects import dialect_of
from seismic_server.access.expiry import shown
from seismic_server.access.keys import Key

OPEN = frozenset({"/", "/console", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""Paths that need no key, because they show nothing of a collection."""

ASSETS = ("/static-offline-docs/", "/console/")
"""Folders of the files that these pages load."""

METRICS = "/metrics"
"""All that the role metrics permits, except open paths."""

_COLLECTION = re.compile(r"/v1/(?:collections|aliases)/([^/]+)")
_ADMIN = re.compile(r"/v1/jobs(/.*)?|/v1/collections/[^/]+/(generations|snapshots|nodes)(/.*)?", re.DOTALL)
"""Paths that need the role admin whatever the method."""

_FOR_EVERY_KEY = re.compile(r"/v1/(key|collections|aliases|jobs|jobs/[^/]+)")
"""Paths of no collection that a key limited to some collections may use: they show only what it permits."""

_SEARCHES = re.compile(r"/v1/collections/[^/]+/((search|count|facets|why)(/.*)?|documents/(get|scroll))")
"""Paths at which POST only reads. At any other path it counts as a change."""


def secret_of(headers: Iterable[tuple[bytes, bytes]], path: str = "") -> str | None:
    """Return the secret of a request: from `Authorization: Bearer`, else from `Api-Key` or `X-API-Key`.

    Clients of some other APIs send it as the password of basic authentication, with any user name.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in (b"authorization", b"api-key", b"x-api-key"):
            found.setdefault(name, value)
    scheme, _, token = found.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic" and (dialect := dialect_of(path)) is not None and dialect.basic:
        return _password(token)
    secret = token.strip() if scheme.lower() == b"bearer" else found.get(b"api-key") or found.get(b"x-api-key")
    return secret.decode("latin-1") if secret else None


def _password(token: bytes) -> str:
    """Return the password of basic authentication; empty if there is none."""
    try:
        return base64.b64decode(token.strip(), validate=True).decode("latin-1").partition(":")[2]
    except binascii.Error:
        return ""


def is_open(path: str) -> bool:
    """Return whether a path needs no key."""
    if path in OPEN or path.startswith(ASSETS):
        return True
    return (dialect := dialect_of(path)) is not None and path in dialect.open


def check(key: Key | None, given: bool, method: str, path: str) -> None:
    """Raise UnauthorizedError without a known key that is valid, and ForbiddenError if the key lacks permission."""
    if problem := _problem(key, given, method, path):
        raise problem


def _problem(key: Key | None, given: bool, method: str, path: str) -> SeismicError | None:
    if key is None:
        found = "a key that is unknown or revoked" if given else "no key"
        return UnauthorizedError(f"found {found}, expected 'Authorization: Bearer KEY' or 'Api-Key: KEY'")
    if key.expires and key.is_expired():
        return UnauthorizedError(f"key '{key.name}' expired at {shown(key.expires)}, expected a valid key; create one")
    if key.role == "metrics" and not (path == METRICS and method in ("GET", "HEAD")):
        return ForbiddenError(f"key '{key.name}' is for {METRICS} only, expected a key with role read-only or admin")
    if key.role != "admin" and (_ADMIN.fullmatch(path) or not reads(method, path)):
        return ForbiddenError(f"key '{key.name}' is {key.role}, expected a key with role admin")
    if key.collections is None:
        return None
    name = collection_of(method, path)
    if name is None and not _is_for_every_key(path):
        return ForbiddenError(f"key '{key.name}' is limited to some collections, expected a key for all")
    return None if name is None else _refusal(key, name)


def _is_for_every_key(path: str) -> bool:
    dialect = dialect_of(path)
    return (dialect.for_every_key if dialect else _FOR_EVERY_KEY).fullmatch(path) is not None


def permit(key: Key | None, name: str) -> None:
    """Raise ForbiddenError if a key does not permit a collection that the path does not name."""
    if key and (problem := _refusal(key, name)):
        raise problem


def _refusal(key: Key, name: str) -> ForbiddenError | None:
    if key.collections is None or name in key.collections:
        return None
    return ForbiddenError(f"key '{key.name}' does not permit collection '{name}'")


def reads(method: str, path: str) -> bool:
    """Return whether a request changes nothing."""
    return method in ("GET", "HEAD", "OPTIONS") or searches(method, path) or _ends(method, path)


def _ends(method: str, path: str) -> bool:
    """Return whether a request only ends what reading began."""
    dialect = dialect_of(path) if method == "DELETE" else None
    return dialect is not None and dialect.ends is not None and dialect.ends.fullmatch(path) is not None


def searches(method: str, path: str) -> bool:
    """Return whether a request runs on the search pool."""
    if method != "POST":
        return False
    dialect = dialect_of(path)
    return (dialect.searches if dialect else _SEARCHES).fullmatch(path) is not None


def collection_of(method: str, path: str) -> str | None:
    """Return the name of the collection in a request's path, if any."""
    dialect = dialect_of(path)
    match = (dialect.collection if dialect else _COLLECTION).match(path)
    if match is None:
        return None
    if dialect:
        return match[1]
    name, rest = match[1], path[match.end() :]
    if method == "POST" and not rest and ":" in name:  # POST .../NAME:reload; NAME may contain colons itself
        return name.rpartition(":")[0]
    return name
