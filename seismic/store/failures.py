"""Failures of the file system as the project's errors: which file, why, and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seismic.errors import CorruptIndexError, FullDiskError, ReadOnlyError, StorageError, TooManyFilesError

_CAUSES: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOSPC: (FullDiskError, "free some space, then try again"),
    errno.EDQUOT: (FullDiskError, "free some space or raise the quota, then try again"),
    errno.EFBIG: (FullDiskError, "raise the limit of file sizes (ulimit -f)"),
    errno.EROFS: (ReadOnlyError, "mount it writable, or write to a copy"),
    errno.EACCES: (ReadOnlyError, "grant this user the permission"),
    errno.EPERM: (ReadOnlyError, "grant this user the permission"),
    errno.EMFILE: (TooManyFilesError, "raise the limit of open files (ulimit -n), or compact to fewer shards"),
    errno.ENFILE: (TooManyFilesError, "raise the limit of open files of the machine (fs.file-max)"),
    errno.ENOMEM: (StorageError, "raise the limit of memory (ulimit -v), or free some"),
    errno.EIO: (StorageError, "the disk may be failing: see the log of the kernel"),
    errno.ENOTDIR: (StorageError, "expected a folder: move the file away"),
    errno.EISDIR: (StorageError, "expected a file: move the folder away"),
}

DAMAGES = {errno.EIO, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENODATA}
"""Reading fails with these if a file is not what was written; other causes lie outside of the file."""


def storage_error(action: str, path: Path | str, error: OSError, effect: str = "") -> StorageError:
    """Return the error that reports a failed action on a file, and its effect."""
    kind, remedy = _CAUSES.get(error.errno or 0, (StorageError, ""))
    reason = "; ".join(filter(None, (error.strerror or str(error), effect, remedy)))
    return kind(f"cannot {action} {_file_of(error, path)}: {reason}")


def read_error(path: Path | str, error: OSError, remedy: str, problem: str = "cannot be read") -> StorageError:
    """Return the error that reports a file of an index as unreadable: as damage, unless the cause lies elsewhere."""
    if error.errno is not None and error.errno not in DAMAGES:
        return storage_error("read", path, error)
    return CorruptIndexError(f"{_file_of(error, path)} {problem}: {error.strerror or error}; {remedy}")


@contextmanager
def file_errors(action: str, path: Path | str) -> Iterator[None]:
    """Raise what the file system refuses within the block as a StorageError."""
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error


def _file_of(error: OSError, path: Path | str) -> str:
    """Return the file that the error names, or else `path`."""
    return str(error.filename if isinstance(error.filename, str | Path) else path)
