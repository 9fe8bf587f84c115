"""Archive format of snapshots: a tar, optionally compressed, whose first member lists the others with their hashes."""

import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import orjson
import pyarrow as pa
import xxhash

from seismic.errors import CorruptIndexError, FormatError, FullDiskError, OutputExistsError
from seismic.store.failures import DAMAGES, file_errors, storage_error
from seismic.store.files import fsync
from seismic.store.manifest import FileEntry, read_manifest
from seismic.version import __version__, has_major

FORMAT_MAJOR, FORMAT_MINOR = 1, 0
INDEX = "snapshot.json"
LARGEST_INDEX = 1 << 26
"""Bytes of the first member; a file takes about 100."""

EXPANSION, ALLOWANCE = 1000, 1 << 26
"""A compressed snapshot may unpack to at most EXPANSION times its size plus ALLOWANCE bytes. Vectors and ids compress
less than tenfold; only a file made for the purpose reaches the limit."""

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
CHUNK = 1 << 20

Tell: TypeAlias = Callable[[int, int], None]
"""tell(done, total) in bytes, after every chunk."""

_NAME = re.compile(r"(shard-\d{5,}/)?[a-z0-9_]+\.(json|arrow)|log/\d{20}\.log")


class Member(NamedTuple):
    """One file of an archive: name, size, and the hex xxh3-128 of its bytes."""

    name: str
    bytes: int
    xxh3_128: str


def write_archive(target: Path, members: list[tuple[Member, BinaryIO]], *, compress: bool, tell: Tell) -> None:
    """Write the members to a new file, atomically.

    Raises OutputExistsError if the file exists, CorruptIndexError if a member does not match its hash, or StorageError.
    """
    with file_errors("write", target):
        if target.exists():
            raise OutputExistsError(f"{target} exists; choose another name for the snapshot")
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    done, total = 0, sum(member.bytes for member, _ in members)
    try:
        with _writer(temporary, compress) as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
            index = _index([member for member, _ in members])
            tar.addfile(_info(INDEX, len(index)), BytesIO(index))
            for member, source in members:
                hashing: Any = _Hashing(source, tell, done, total)
                tar.addfile(_info(member.name, member.bytes), hashing)
                if hashing.digest.hexdigest() != member.xxh3_128:
                    raise CorruptIndexError(f"{source.name} does not match its hash; see `seismic verify`")
                done += member.bytes
        fsync(temporary)
        temporary.rename(target)
        fsync(target.parent)
    except OSError as error:
        raise storage_error("write", target, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_archive(file: Path) -> None:
    """Check that a file starts as a snapshot does. Raises CorruptIndexError, FormatError or another StorageError."""
    reading = _Reading(file)
    with reading.open() as tar:
        reading.check_size(sum(member.bytes for member in reading.members(tar)))


def extract_archive(file: Path, folder: Path, tell: Tell) -> None:
    """Write the members below a folder and check each against its hash.

    Sizes are checked before anything is written: those listed against the size of the snapshot, the disk's free space,
    the tar and the manifest. Raises CorruptIndexError if the file is truncated, damaged or not a snapshot, FormatError
    if its format is newer, FullDiskError if it needs more space than there is, and OSError if the folder cannot be
    written.
    """
    reading = _Reading(file)
    with reading.open() as tar:
        members = reading.members(tar)
        folder.mkdir(parents=True, exist_ok=True)
        done, total = 0, sum(member.bytes for member in members)
        reading.check_size(total)
        reading.check_space(total, folder)
        expected: dict[str, FileEntry] = {}
        for number, member in enumerate(members):
            source = reading.next(tar, member)
            if number and not member.name.startswith("log/"):
                expected = expected or read_manifest(folder).files  # the manifest comes first
                reading.check_listed(member, expected.get(member.name))
            digest, size = xxhash.xxh3_128(), 0
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                while chunk := reading.read(source):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                    tell(done + size, total)
            done += size
            if (size, digest.hexdigest()) != (member.bytes, member.xxh3_128):
                raise reading.error(f"{member.name} does not match its hash")


class _Reading:
    """Reader of an untrusted file: every failure becomes one kind of error."""

    def __init__(self, file: Path) -> None:
        self._file, self._compressed = file, False

    def error(self, problem: object) -> CorruptIndexError:
        """Return the error that reports the file as damaged."""
        return CorruptIndexError(f"{self._file} is not a complete snapshot: {problem}; copy or create it again")

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            if isinstance(error, OSError) and error.errno is not None and error.errno not in DAMAGES:
                raise storage_error("read", self._file, error) from error
            raise self.error(str(error) or "it ends early") from None

    @contextmanager
    def open(self) -> Iterator[tarfile.TarFile]:
        """Open the tar as a stream."""
        with self._checked():
            source: Any = self._file.open("rb")
        with source:
            with self._checked():
                self._compressed = source.read(4) == ZSTD_MAGIC
                source.seek(0)
                stream = pa.CompressedInputStream(source, "zstd") if self._compressed else source
                tar = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 (owns only the stream)
            yield tar

    def next(self, tar: tarfile.TarFile, member: Member) -> Any:
        """Return a reader of the next member, which must be a plain file of this name and size."""
        with self._checked():
            info = self._next(tar, member.name)
            if info.size != member.bytes:
                raise ValueError(f"{member.name} has {info.size} bytes and does not match its hash, of {member.bytes}")
            return tar.extractfile(info)

    def _next(self, tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
        info = tar.next()
        if info is None or info.name != name or not info.isfile():
            raise ValueError(f"found {info.name if info else 'the end'}, expected {name}")
        return info

    def check_listed(self, member: Member, entry: FileEntry | None) -> None:
        """Check that a member is a file of the manifest."""
        if entry is None or (entry.bytes, entry.xxh3_128) != (member.bytes, member.xxh3_128):
            raise self.error(f"{member.name} does not match the manifest")

    def check_size(self, total: int) -> None:
        """Check the bytes to unpack against the size of the file."""
        with file_errors("read", self._file):
            size = self._file.stat().st_size
        most = EXPANSION * size + ALLOWANCE if self._compressed else size
        if total > most:
            raise self.error(f"it lists {total} bytes, expected at most {most} in {size} bytes")

    def check_space(self, total: int, folder: Path) -> None:
        """Check the bytes to unpack against the free space of a folder's disk."""
        with file_errors("read", folder):
            free = shutil.disk_usage(folder).free
        if total > free:
            raise FullDiskError(f"{self._file} unpacks to {total} bytes, found {free} free below {folder}")

    def read(self, source: Any) -> bytes:
        """Return the next bytes of a member; none at its end."""
        with self._checked():
            chunk: bytes = source.read(CHUNK)
            return chunk

    def members(self, tar: tarfile.TarFile) -> list[Member]:
        """Return the members that the first one lists."""
        with self._checked():
            info: Any = self._next(tar, INDEX)
            if info.size > LARGEST_INDEX:
                raise ValueError(f"{INDEX} has {info.size} bytes, expected at most {LARGEST_INDEX}")
            source: Any = tar.extractfile(info)
            content = orjson.loads(source.read())
        if not isinstance(content, dict):
            raise self.error(f"{INDEX} is not a JSON object")
        found = content.get("format")
        if not has_major(found, FORMAT_MAJOR):
            raise FormatError(
                f"{self._file}: found snapshot format {found}, this release ({__version__}) reads {FORMAT_MAJOR}.x; "
                f"use the release that wrote it ({content.get('seismic')})"
            )
        if content.pop("hash", None) != _hash(content):
            raise self.error(f"{INDEX} does not match its own hash")
        with self._checked():
            members = [Member(*member) for member in content["members"]]
        for number, member in zip(count(), members, strict=False):
            if not _NAME.fullmatch(member.name) or member.name in {other.name for other in members[:number]}:
                raise self.error(f"it lists {member.name!r}")
        return members


class _Hashing:
    """Reader of a file that hashes the bytes it returns, and tells how many of `total` are done with them."""

    def __init__(self, file: BinaryIO, tell: Tell, done: int, total: int) -> None:
        self._file, self._tell, self._done, self._total = file, tell, done, total
        self.digest = xxhash.xxh3_128()

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        data = self._file.read(size)
        self.digest.update(data)
        self._done += len(data)
        self._tell(self._done, self._total)
        return data


@contextmanager
def _writer(path: Path, compress: bool) -> Iterator[Any]:
    with path.open("xb") as file:
        if not compress:
            yield file
            return
        with pa.CompressedOutputStream(file, "zstd") as sink:
            yield sink


def _info(name: str, size: int) -> tarfile.TarInfo:
    """Return a header without times and users, so that the same state gives the same bytes."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _index(members: list[Member]) -> bytes:
    content = {"format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}", "seismic": __version__, "members": list(map(list, members))}
    return orjson.dumps({**content, "hash": _hash(content)}, option=orjson.OPT_INDENT_2)


def _hash(content: dict[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
