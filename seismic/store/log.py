"""The write-ahead log: every change of a collection is durable here before it is acknowledged.

<collection>/log/<sequence of the first record>.log is a segment: consecutive records, each a header (magic, format,
sequence, length, xxh3-64 of the body, xxh3-64 of the preceding header fields) and a body. Sequences rise by one. An
append writes and syncs one record under a lock. A crash can therefore tear only the last record of the last segment,
which was never acknowledged: readers stop before it, and the next append truncates it. Any other mismatch is damage.
"""

import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import xxhash

from seismic.errors import CorruptIndexError, FormatError
from seismic.store.failures import file_errors, read_error, storage_error
from seismic.store.files import fsync
from seismic.store.lock import LOCK, exclusive
from seismic.store.watermark import check_watermark, prepare_watermark, raise_watermark, read_watermark

LOG = "log"
FORMATS = (1, 2)
"""Formats of records that this release reads. Records with kinds of changes that not every release knows have the
second, so that earlier releases refuse them."""

MAGIC = b"SLOG"
_HEADER = struct.Struct("<4sIQQQQ")
_HASHED = _HEADER.size - 8
_SEGMENT = re.compile(r"([0-9]{20})\.log")

SEGMENT_BYTES = 1 << 24
"""Size at which a new segment begins; compaction removes whole segments."""

SECTOR = 512
"""Bytes that a disk writes atomically. After a crash, a sector that was never written reads as zeros."""

PATIENCE = 10.0
"""Seconds to wait for other appenders, which take milliseconds."""


class Record(NamedTuple):
    """One appended record."""

    sequence: int
    body: bytes


class LogPosition(NamedTuple):
    """Read position in a log: the segment (sequence of its first record; 0: none), the offset of the next record in
    it, and the last sequence read."""

    segment: int
    offset: int
    sequence: int


class _Part(NamedTuple):
    """Content of a segment from an offset on: the complete records, their end, the problem there (None: end of file),
    and whether a crash during an append can have caused it."""

    records: list[Record]
    end: int
    problem: str | None
    torn: bool


def segments(collection: Path) -> list[int]:
    """Return the segments of a log, each as the sequence of its first record."""
    try:
        names = os.listdir(collection / LOG)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise read_error(collection / LOG, error, "restore the collection") from None
    return sorted(int(match[1]) for match in map(_SEGMENT.fullmatch, names) if match)  # others are not ours


def segment_path(collection: Path, segment: int) -> Path:
    """Return the file of a segment."""
    return collection / LOG / f"{segment:020d}.log"


def position_after(collection: Path, sequence: int) -> LogPosition:
    """Return the position at which to read the records that follow `sequence`."""
    first = [segment for segment in segments(collection) if segment <= sequence + 1]
    return LogPosition(first[-1], 0, first[-1] - 1) if first else LogPosition(0, 0, sequence)


def read_log(collection: Path, position: LogPosition) -> tuple[list[Record], LogPosition]:
    """Return the records from `position` on, at most those of one segment, and the position after them.

    No records means the end of the log. CorruptIndexError names the segment and offset of damage; FormatError reports a
    log of a newer release.
    """
    try:
        return read_quiet_log(collection, position)
    except CorruptIndexError:
        if not os.access(collection / LOG, os.W_OK):
            raise
        with appending(collection):  # an append may just have been truncating a torn record
            return read_quiet_log(collection, position)


@contextmanager
def appending(collection: Path) -> Iterator[None]:
    """Hold the append lock of the log. Raises LockedError after PATIENCE seconds."""
    folder = collection / LOG
    with file_errors("write", folder):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            fsync(collection)
    with exclusive(folder / LOCK, "append", timeout=PATIENCE):
        yield


def positions_of(records: Sequence[Record], end: LogPosition) -> list[LogPosition]:
    """Return the position after each of consecutive records, the last of which ends at `end`."""
    offset, positions = end.offset, []
    for record in reversed(records):
        positions.append(LogPosition(end.segment, offset, record.sequence))
        offset -= _HEADER.size + len(record.body)
    return positions[::-1]


def append(
    collection: Path, body: bytes, position: LogPosition, after: int = 0, version: int = FORMATS[0]
) -> LogPosition:
    """Append one record durably and return the new end of the log, whose sequence is the record's.

    The caller holds `appending`. `position`: any known position; the closer to the end, the faster. `after`: a sequence
    that is taken, whether or not the log holds it. `version`: format of the record. Raises StorageError if the record
    cannot be written; the log is unchanged then. Raises CorruptIndexError if the log has lost acknowledged changes.
    """
    acknowledged = read_watermark(collection)
    position = read_to_end(collection, position)
    sequence = max(position.sequence, after) + 1
    check_watermark(collection, sequence - 1, acknowledged)
    if position.segment == 0 or position.offset >= SEGMENT_BYTES or sequence > position.sequence + 1:
        position = LogPosition(sequence, 0, sequence - 1)
    path = segment_path(collection, position.segment)
    header = _HEADER.pack(MAGIC, version, sequence, len(body), xxhash.xxh3_64_intdigest(body), 0)[:_HASHED]
    data = header + _hash_bytes(header) + body
    try:
        prepare_watermark(collection)
        _write(path, position.offset, data)
    except OSError as error:
        raise storage_error("append to", path, error, "the change was not made") from error
    raise_watermark(collection, sequence)
    return LogPosition(position.segment, position.offset + len(data), sequence)


def last_sequence(collection: Path) -> int:
    """Return the sequence of the last change, or 0. The caller holds `appending`."""
    known = segments(collection)
    return read_to_end(collection, LogPosition(known[-1], 0, known[-1] - 1)).sequence if known else 0


def prune_log(collection: Path, sequence: int) -> None:
    """Remove the segments whose records are all at most `sequence`.

    Before the last segment is removed, an empty one is added, so that sequences continue."""
    if not segments(collection):
        return
    with appending(collection):
        known = segments(collection)
        end = last_sequence(collection)
        if known[-1] <= end <= sequence:
            segment_path(collection, end + 1).touch()
            fsync(collection / LOG)
            known.append(end + 1)
        for segment, following in pairwise(known):
            if following <= sequence + 1:
                segment_path(collection, segment).unlink()
        fsync(collection / LOG)


def _write(path: Path, offset: int, data: bytes) -> None:
    """Write at `offset`, the end of the complete records, and sync. Truncates a torn record there."""
    new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.ftruncate(descriptor, offset)
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, offset)
            raise
        if new:
            fsync(path.parent)
    finally:
        os.close(descriptor)


def read_to_end(collection: Path, position: LogPosition) -> LogPosition:
    """Return the end of the log. Raises as `read_log` does."""
    records, position = read_quiet_log(collection, position)
    while records:
        records, position = read_quiet_log(collection, position)
    return position


def read_quiet_log(collection: Path, position: LogPosition) -> tuple[list[Record], LogPosition]:
    """Return what `read_log` does while nobody appends: for callers that hold `appending`."""
    records: list[Record] = []
    following = [segment for segment in segments(collection) if segment >= position.segment]
    if position.segment and following[:1] != [position.segment]:
        raise CorruptIndexError(f"{segment_path(collection, position.segment)} is missing; restore the collection")
    for number, segment in enumerate(following):
        path = segment_path(collection, segment)
        if segment != position.segment:
            if segment != position.sequence + 1:
                expected = f"expected {position.sequence + 1} next; changes are lost, restore the collection"
                raise CorruptIndexError(f"{path}: found change {segment}, {expected}")
            position = LogPosition(segment, 0, position.sequence)
        part = _parse(path, position)
        if part.problem and not (part.torn and number + 1 == len(following)):
            raise CorruptIndexError(
                f"{path}: damaged at offset {part.end}: {part.problem}; restore the collection, or truncate the file "
                "there and lose the later changes"
            )
        records = part.records
        position = LogPosition(segment, part.end, position.sequence + len(part.records))
        if records:
            break
    return records, position


def _parse(path: Path, position: LogPosition) -> _Part:
    """Parse the records of a segment from a position on."""
    try:
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            source.seek(position.offset)
            data = source.read()
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing; restore the collection") from None
    except OSError as error:
        raise read_error(path, error, "restore the collection") from None
    if size < position.offset:
        return _Part([], size, f"found {size} bytes, expected {position.offset} or more", False)
    records: list[Record] = []
    offset, sequence = 0, position.sequence + 1
    while offset < len(data):
        try:
            record = _record_at(data, offset, sequence)
        except _BrokenError as error:
            torn = not error.certain and not _has_record(data, offset + 1, sequence)
            torn = torn and (error.short or _has_unwritten_sector(data, offset, position.offset))
            return _Part(records, position.offset + offset, error.reason, torn)
        records.append(record)
        offset, sequence = offset + _HEADER.size + len(record.body), sequence + 1
    return _Part(records, position.offset + offset, None, False)


def _record_at(data: bytes, offset: int, sequence: int) -> Record:
    """Return the record at an offset, which must have this sequence. Raises _BrokenError."""
    header = data[offset : offset + _HEADER.size]
    if len(header) < _HEADER.size:
        raise _BrokenError("the record ends early", short=True)
    if not _is_header(header):
        raise _BrokenError("found no record")
    _, version, found, length, body_hash, _ = _HEADER.unpack(header)
    if version not in FORMATS:
        raise FormatError(f"found a log record of format {version}, this release reads up to {FORMATS[-1]}; upgrade it")
    if found != sequence:
        raise _BrokenError(f"found change {found}, expected {sequence}", certain=True)
    body = data[offset + len(header) : offset + len(header) + length]
    if len(body) < length:
        raise _BrokenError("the record ends early", short=True)
    if xxhash.xxh3_64_intdigest(body) != body_hash:
        raise _BrokenError("the record does not match its hash")
    return Record(sequence, body)


class _BrokenError(Exception):
    """A record is broken. `short`: the file ends within it; `certain`: no crash can have caused it."""

    def __init__(self, reason: str, *, short: bool = False, certain: bool = False) -> None:
        self.reason, self.short, self.certain = reason, short, certain


def _is_header(header: bytes) -> bool:
    return header.startswith(MAGIC) and header[_HASHED:] == _hash_bytes(header[:_HASHED])


def _hash_bytes(data: bytes) -> bytes:
    return xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")


def _has_record(data: bytes, offset: int, sequence: int) -> bool:
    """Return whether a valid header of a later change follows: the records before it were complete then."""
    while (offset := data.find(MAGIC, offset)) >= 0:
        header = data[offset : offset + _HEADER.size]
        if len(header) == _HEADER.size and _is_header(header) and _HEADER.unpack(header)[2] > sequence:
            return True
        offset += 1
    return False


def _has_unwritten_sector(data: bytes, offset: int, base: int) -> bool:
    """Return whether a sector from `offset` on is zero; `data` begins at the offset `base` of the file."""
    while offset < len(data):
        end = min(len(data), ((base + offset) // SECTOR + 1) * SECTOR - base)
        if not any(data[offset:end]):
            return True
        offset = end
    return False
