"""API keys and their file, which holds hashes, never secrets."""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from seismic import ParameterError
from seismic.errors import OutputExistsError
from seismic.store.failures import file_errors
from seismic.store.lock import exclusive

Role: TypeAlias = Literal["admin", "read-only", "metrics"]

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
    """`read-only` permits searching and reading documents, `admin` also changing them; `metrics` only `/metrics`."""
    collections: list[str] | None = None
    """The collections it is limited to. None permits all, and routes that belong to no collection."""
    hash: str
    """SHA-256 of the whole key. A slow hash is unnecessary for 256 random bits."""
    created: datetime
    expires: AwareDatetime | None = None
    """When the key becomes invalid. None: never. Files written before keys could expire lack it."""

    def is_expired(self) -> bool:
        """Return whether the key is past its expiry."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


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


def create_key(
    path: Path,
    name: str,
    role: Role,
    collections: Sequence[str] | None = None,
    *,
    expires: datetime | None = None,
    output: Path | None = None,
) -> str:
    """Add a key to the file, created if missing, and return its secret, which is stored only in `output`, if given.

    `expires`: with a time zone. `output`: a new file of mode 0600. Raises ParameterError, OutputExistsError or another
    StorageError, and then leaves both files as they were.
    """
    if not (name.strip() and name.isprintable()):
        raise ParameterError(f"name: found {name!r}, expected printable characters, not only blanks")
    if role == "metrics" and collections is not None:
        raise ParameterError("collection: a key with role metrics reads the metrics of all; leave --collection out")
    number = secrets.token_hex(4)
    secret = f"seismic_{number}_{secrets.token_urlsafe(32)}"
    named = None if collections is None else sorted(set(collections))
    created = datetime.now(UTC).replace(microsecond=0)
    key = Key(id=number, name=name, role=role, collections=named, hash=_hash(secret), created=created, expires=expires)
    with _secret_file(output, secret) if output else nullcontext(), _changing(path) as keys:
        if any(other.name == name for other in keys):
            raise ParameterError(f"keys file {path}: key '{name}' exists; revoke it, or choose another name")
        keys.append(key)
    return secret


@contextmanager
def _secret_file(path: Path, secret: str) -> Iterator[None]:
    """Write a secret to a new file that only its owner may read. Remove the file if the block fails."""
    with file_errors("write", path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise OutputExistsError(f"{path} exists; choose another file for the key") from None
    try:
        with file_errors("write", path), os.fdopen(descriptor, "w") as file:
            file.write(f"{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        yield
    except BaseException:
        path.unlink()
        raise


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
    if not path.name:
        raise ParameterError(f"keys file {path}: found a folder, expected the name of a file")
    with exclusive(path.with_name(f".{path.name}.lock"), "keys", timeout=LOCK_SECONDS):
        keys = read_keys(path) if path.exists() else []
        yield keys
        with file_errors("write", path):
            _replace(path, _File(keys=keys).model_dump_json(indent=2, exclude_none=True) + "\n")


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
        """Return the key of a secret, expired or not, in constant time whether it exists or not."""
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
