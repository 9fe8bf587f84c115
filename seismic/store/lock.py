"""Locks on files, for one writer at a time and for readers. The kernel drops those of a process that ends, however."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from errno import EAGAIN
from pathlib import Path
from typing import Any

import orjson

from seismic.errors import LockedError, StorageError

LOCK = "LOCK"
LONGEST_PAUSE = 0.05
"""Seconds between two looks at a lock that another holds."""


@contextmanager
def writing(collection: Path, what: str, *, timeout: float = 0.0) -> Iterator[None]:
    """Be the one writer of a collection: who publishes, removes or re-points generations holds this.

    `what` tells others what keeps them waiting ("build"). LockedError if another holds it for `timeout` seconds more.
    """
    with exclusive(collection / LOCK, what, timeout=timeout):
        yield


@contextmanager
def exclusive(path: Path, what: str, *, timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path` alone, against other processes and other threads; its folder must exist.

    The file says who holds it, and goes with the lock; one that a crash left behind is not locked. LockedError as in
    `writing`, StorageError if the lock cannot be taken at all.
    """
    descriptor = _acquire(path, time.monotonic() + timeout)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _holder(what))
        yield
    finally:
        with suppress(OSError):  # gone with its folder, or no longer writable: the lock is what counts
            path.unlink()
        os.close(descriptor)


class Lease:
    """A shared lock on a file that is there to stay: who holds one keeps `try_alone` from having the file.

    Needs no more than to read the file, so read-only media will do. Where the file system knows no locks there is none;
    nobody can write there, either. Ends with `close`, or with the object. FileNotFoundError if the file is gone.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # waits no longer than `try_alone` renames a folder
        if not is_still(self._descriptor, path):
            self.close()
            raise FileNotFoundError(f"{path} was removed")

    def close(self) -> None:
        """Let go."""
        descriptor, self._descriptor = getattr(self, "_descriptor", -1), -1
        if descriptor >= 0:
            os.close(descriptor)

    __del__ = close


@contextmanager
def try_alone(path: Path) -> Iterator[bool]:
    """Whether nobody holds a `Lease` of a file; if so, nobody gets one while the block runs."""
    try:
        descriptor = os.open(path, os.O_RDWR)  # as NFS wants it
    except OSError:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)


def _acquire(path: Path, give_up: float) -> int:
    pause = 0.001
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(descriptor, path):
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
        raise StorageError(f"cannot write {path}: {error}") from None


def is_still(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file: the holder before may have removed it."""
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
    except (orjson.JSONDecodeError, KeyError, TypeError):  # it has just come, or is about to go
        who = "another process"
    return f"{path} is held: found {who}, expected no other writer; wait for its end, or stop it"
