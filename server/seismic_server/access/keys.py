"""API keys and their file, which holds hashes, never secrets."""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from seismic import ParameterError
from seismic.store.failures import file_errors
from seismic.store.lock import exclusive

Role: TypeAlias = Literal["admin", "read-only"]

LOOK_SECONDS = 1.0
"""Interval between two looks at the file."""

LOCK_SECONDS = 10.0
"""Longest wait for another process that changes the file."""

_KEY = re.compile(r"seismic_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

log = structlog.get_logger("server")


class Key(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """The part of the key that identifies it."""
    name: str
    role: Role
    """`read-only` permits searching and reading documents, `admin` also changing them."""
    collections: list[str] | None = None
    """The collections it is limited to. None permits all, and routes that belong to no collection."""
    hash: str
    """SHA-256 of the whole key. A slow hash is unnecessary for 256 random bits."""
    created: datetime


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    keys: list[Key] = []


def read_keys(path: Path) -> list[Key]:
    """Return the keys in a file. Raises ParameterError if it is missing or damaged."""
    try:
        return _File.model_validate_json(path.read_bytes()).keys
    except OSError as error:
        raise ParameterError(f"keys file {path}: {error.strerror}; `seismic keys create` creates one") from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ParameterError(f"keys file {path}: {place}: {problem['msg']}; restore it, or create new keys") from None


def create_key(path: Path, name: str, role: Role, collections: Sequence[str] | None = None) -> str:
    """Add a key to the file, created if missing, and return its secret, which is stored nowhere."""
    if not (name.strip() and name.isprintable()):
        raise ParameterError(f"name: found {name!r}, expected printable characters, not only blanks")
    with _changing(path) as keys:
        if any(key.name == name for key in keys):
            raise ParameterError(f"keys file {path}: key '{name}' exists; revoke it, or choose another name")
        number = secrets.token_hex(4)
        secret = f"seismic_{number}_{secrets.token_urlsafe(32)}"
        named = None if collections is None else sorted(set(collections))
        created = datetime.now(UTC).replace(microsecond=0)
        keys.append(Key(id=number, name=name, role=role, collections=named, hash=_hash(secret), created=created))
    return secret


def revoke_key(path: Path, name: str) -> None:
    """Remove a key from the file, by name or id. Raises ParameterError if there is none."""
    with _changing(path) as keys:
        remaining = [key for key in keys if name not in (key.name, key.id)]
        if len(remaining) == len(keys):
            raise ParameterError(f"keys file {path}: found no key '{name}'; `seismic keys list` shows all")
        keys[:] = remaining


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """Yield the keys for changes, then replace the file. Raises ParameterError or StorageError."""
    if not path.parent.is_dir():
        raise ParameterError(f"keys file {path}: folder {path.parent} does not exist")
    with exclusive(path.with_name(f".{path.name}.lock"), "keys", timeout=LOCK_SECONDS):
        keys = read_keys(path) if path.exists() else []
        yield keys
        with file_errors("write", path):
            _replace(path, _File(keys=keys).model_dump_json(indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically and durably by one of mode 0600."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Keyring:
    """The keys of a file, read again when it changes.

    Raises ParameterError if the file cannot be read at first. If it becomes unreadable later, the keys stay as they
    were.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, 0.0
        self._stamp = _stamp(path)
        self._keys = {key.id: key for key in read_keys(path)}

    def find(self, secret: str) -> Key | None:
        """Return the key of a secret, in constant time whether it exists or not."""
        self._look()
        match = _KEY.fullmatch(secret)
        found = self._keys.get(match[1]) if match else None
        same = hmac.compare_digest(_hash(secret), found.hash if found else "0" * 64)
        return found if same else None

    def _look(self) -> None:
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + LOOK_SECONDS
        if (stamp := _stamp(self._path)) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = {key.id: key for key in read_keys(self._path)}
        except ParameterError as error:
            log.error("keys cannot be read; the previous ones stay valid", reason=str(error))
        else:
            log.info("keys read", keys=len(self._keys))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
