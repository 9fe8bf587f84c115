"""Which service is read, and as whom."""

import os
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from seismic import ParameterError

KEY, PASSWORD = "SOURCE_API_KEY", "SOURCE_PASSWORD"
"""Environment variables with secrets: other users of a machine can read the arguments of a command."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Access(NamedTuple):
    """How a service lets us in: by an API key, or by a user's name and password."""

    key: str | None = None
    user: str | None = None
    password: str | None = None


class Address(NamedTuple):
    """``base``: URL of the service with its prefix, without a slash at the end; ``name`` of the collection."""

    base: str
    name: str

    def __str__(self) -> str:
        return f"{self.base}/{self.name}"


def is_url(text: str) -> bool:
    """Return whether an input names a service instead of a file."""
    return bool(_URL.match(text))


def parse_address(url: str) -> Address:
    """Split http://HOST:PORT/PREFIX/COLLECTION. Raises ParameterError, which never shows a password."""
    parts = urlsplit(url)
    shown = url.replace(f"{parts.netloc.rpartition('@')[0]}@", "") if "@" in parts.netloc else url
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ParameterError(f"{shown}: expected http://HOST:PORT/COLLECTION, or https")
    if "@" in parts.netloc:
        raise ParameterError(
            f"{shown}: found a user in the URL, where others can read the password; "
            f"use --user NAME and the environment variable {PASSWORD}"
        )
    if parts.query or parts.fragment:
        raise ParameterError(f"{shown}: found a query or a fragment, expected http://HOST:PORT/COLLECTION")
    prefix, _, name = parts.path.rstrip("/").rpartition("/")
    if not name:
        raise ParameterError(f"{shown}: names no collection, expected {shown.rstrip('/')}/COLLECTION")
    return Address(f"{parts.scheme.lower()}://{parts.netloc}{prefix}", unquote(name))


def access_from_environment(user: str | None) -> Access:
    """Return how to get in: `user` with the password, or the API key, of the environment. Raises ParameterError."""
    key, password = (os.environ.get(name) or None for name in (KEY, PASSWORD))
    if user is None:
        return Access(key=key)
    if password is None:
        raise ParameterError(f"--user {user}: found no password in the environment variable {PASSWORD}")
    return Access(user=user, password=password)
