"""File locks for one writer at a time and for readers. The kernel releases them however a process ends."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from errno import EAGAIN
from pathlib import Path
from typing import Any, NoReturn, Self
from weakref import finalize

import orjson

from seismic.errors import LockedError, StorageError
from seismic.store.failures import file_errors, storage_error

LOCK = "LOCK"
LONGEST_PAUSE = 0.05
"""Upper limit, in seconds, of the pause between two attempts to take a held lock."""


@contextmanager
def writing(collection: Path, what: str, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the write lock of a collection, which publishing, removing and re-pointing generations require.

    `what` names the operation ("build") in the error that others get. Raises LockedError if another writer still holds
    the lock after `timeout` seconds.
    """
    with exclusive(collection / LOCK, what, timeout=timeout):
        yield


@contextmanager
def exclusive(path: Path, what: str, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path` exclusively, against other processes and threads; its folder must exist.

    The file names its holder and is removed with the lock; a file left by a crash is not locked. Raises LockedError as
    `writing` does, and StorageError if the lock cannot be taken at all.
    """
    descriptor = _acquire(path, time.monotonic() + timeout)
    try:
        with file_errors("write", path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, _holder(what))
        yield
    finally:
        with suppress(OSError):  # removed with its folder, or no longer writable: only the lock matters
            path.unlink()
        os.close(descriptor)


class Lease:
    """Shared lock on a permanent file, which keeps `try_exclusive` from succeeding.

    Requires only read access, so read-only media work. A file system without locks gives none, but nobody can remove
    files there either. Ends with `close` or with the object. Raises FileNotFoundError if the file was removed.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        self._release = finalize(self, os.close, descriptor)  # also when the interpreter ends, before modules do
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits at most as long as a rename takes
        if not is_same_file(descriptor, path):
            self.close()
            raise FileNotFoundError(f"{path} was removed")

    def __copy__(self) -> Self:
        """Return the same lease: two objects must not close one descriptor."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open lock cannot be pickled; pickle the Index, which opens its collection again")

    def close(self) -> None:
        """Release the lock."""
        self._release()


@contextmanager
def try_exclusive(path: Path) -> Iterator[bool]:
    """Yield whether nobody holds a `Lease` of a file; if so, nobody can take one while the block runs."""
    try:
        descriptor = os.open(path, os.O_RDWR)  # NFS requires it
    except OSError:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:
            free = False
        yield free
    finally:
        os.close(descriptor)


def _acquire(path: Path, give_up: float) -> int:
    pause = 0.001
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_same_file(descriptor, path):
                return descriptor
        except OSError as error:
            if error.errno != EAGAIN:
                os.close(descriptor)
                raise StorageError(f"cannot lock {path}: {error}; keep the index on a file system with locks") from None
            if time.monotonic() >= give_up:
                message = _explain(path, os.pread(descriptor, 1000, 0))
                os.close(descriptor)
                raise LockedError(message) from None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error("write", path, error) from None


def is_same_file(descriptor: int, path: Path) -> bool:
    """Return whether `path` still names the open file: the previous holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _holder(what: str) -> bytes:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return orjson.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since, "what": what})


def _explain(path: Path, content: bytes) -> str:
    try:
        holder: dict[str, Any] = orjson.loads(content)
        who = "{what} by process {pid} on {host} since {since}".format_map(holder)
    except (orjson.JSONDecodeError, KeyError, TypeError):  # the holder is just writing or removing it
        who = "another process"
    return f"{path} is held: found {who}, expected no other writer; wait until it ends, or stop it"
