"""The log: every change of a collection, durable before it is acknowledged.

<collection>/log/<sequence of its first record>.log: records one after another, each a header (magic, format, sequence,
length, xxh3-64 of the body, xxh3-64 of the header so far) and a body. Sequences rise by one. One append writes one
record, under a lock, and syncs it; so a crash can only tear the last record of the last segment, which was never
acknowledged: readers stop before it, and the next append cuts it off. Anything else that does not fit is damage.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import xxhash

from seismic.errors import CorruptIndexError, FormatError, StorageError
from seismic.store.files import fsync
from seismic.store.lock import LOCK, exclusive

LOG = "log"
FORMAT = 1
MAGIC = b"SLOG"
_HEADER = struct.Struct("<4sIQQQQ")
_HASHED = _HEADER.size - 8

SEGMENT_BYTES = 1 << 24
"""A segment this large is followed by a new one; compaction removes whole segments."""

SECTOR = 512
"""What a disk writes at once: after a crash, a part of a file that was never written reads as zeros."""


PATIENCE = 10.0
"""Seconds to wait for others that append; they take milliseconds."""


class Record(NamedTuple):
    """One append."""

    sequence: int
    body: bytes


class Place(NamedTuple):
    """How far a log was read: the segment (sequence of its first record; 0: none), the offset of the next record in
    it, and the last sequence read."""

    segment: int
    offset: int
    sequence: int


class _Part(NamedTuple):
    """What a segment holds from an offset on: its whole records, where they end, what is wrong there (None: the file
    ends), and whether a crash during an append can have done it."""

    records: list[Record]
    end: int
    problem: str | None
    torn: bool


def segments(collection: Path) -> list[int]:
    """The segments of a log, by the sequence of their first record."""
    try:
        names = os.listdir(collection / LOG)
    except FileNotFoundError:
        return []
    return sorted(int(name.removesuffix(".log")) for name in names if name.endswith(".log"))


def segment_path(collection: Path, segment: int) -> Path:
    """The file of a segment."""
    return collection / LOG / f"{segment:020d}.log"


def start_of(collection: Path, after: int) -> Place:
    """Where to read the records that follow the sequence `after`."""
    first = [segment for segment in segments(collection) if segment <= after + 1]
    return Place(first[-1], 0, first[-1] - 1) if first else Place(0, 0, after)


def read_log(collection: Path, place: Place) -> tuple[list[Record], Place]:
    """Records from `place` on, and the place after them; of one segment at a time, so the end is where there are none.

    CorruptIndexError names the segment and offset of damage; FormatError if a newer release wrote it.
    """
    try:
        return _read(collection, place)
    except CorruptIndexError:
        if not os.access(collection / LOG, os.W_OK):
            raise
        with appending(collection):  # perhaps an append was just cutting off a torn record
            return _read(collection, place)


@contextmanager
def appending(collection: Path) -> Iterator[None]:
    """Be the one who appends to the log; LockedError if others keep it too long."""
    folder = collection / LOG
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        fsync(collection)
    with exclusive(folder / LOCK, "append", timeout=PATIENCE):
        yield


def append(collection: Path, body: bytes, place: Place, after: int = 0) -> Place:
    """Write one record and make it durable, within `appending`; its sequence is that of the place returned, the end.

    `place`: any place up to which the log is known, the nearer to its end the quicker. `after`: a sequence that has
    been used, be it in the log or not. StorageError if the record could not be written; it is then not in the log.
    """
    place = read_to_end(collection, place)
    sequence = max(place.sequence, after) + 1
    if place.segment == 0 or place.offset >= SEGMENT_BYTES or sequence > place.sequence + 1:
        place = Place(sequence, 0, sequence - 1)
    path = segment_path(collection, place.segment)
    header = _HEADER.pack(MAGIC, FORMAT, sequence, len(body), xxhash.xxh3_64_intdigest(body), 0)[:_HASHED]
    data = header + _hash_bytes(header) + body
    try:
        _write(path, place.offset, data)
    except OSError as error:
        raise StorageError(f"cannot append to {path}: {error.strerror}; the change was not made") from error
    return Place(place.segment, place.offset + len(data), sequence)


def last_sequence(collection: Path) -> int:
    """The sequence of the last change, within `appending`; 0 if there was none."""
    known = segments(collection)
    return read_to_end(collection, Place(known[-1], 0, known[-1] - 1)).sequence if known else 0


def prune_log(collection: Path, sequence: int) -> None:
    """Remove the segments whose records are all at most `sequence`. The last one is followed by an empty one first,
    so that sequences go on."""
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
    """Write at `offset`, the end of the whole records, and sync; what follows there is torn, and goes."""
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


def read_to_end(collection: Path, place: Place) -> Place:
    """The end of the log. Raises as `read_log` does."""
    records, place = _read(collection, place)
    while records:
        records, place = _read(collection, place)
    return place


def _read(collection: Path, place: Place) -> tuple[list[Record], Place]:
    records: list[Record] = []
    following = [segment for segment in segments(collection) if segment >= place.segment]
    if place.segment and following[:1] != [place.segment]:
        raise CorruptIndexError(f"{segment_path(collection, place.segment)} is missing; restore the collection")
    for number, segment in enumerate(following):
        path = segment_path(collection, segment)
        if segment != place.segment:
            if segment != place.sequence + 1:
                expected = f"expected {place.sequence + 1} next; changes are lost, restore the collection"
                raise CorruptIndexError(f"{path}: found change {segment}, {expected}")
            place = Place(segment, 0, place.sequence)
        part = _parse(path, place)
        if part.problem and not (part.torn and number + 1 == len(following)):
            raise CorruptIndexError(
                f"{path}: damaged at offset {part.end}: {part.problem}; restore the collection, or cut the file there "
                "and lose the changes that follow"
            )
        records = part.records
        place = Place(segment, part.end, place.sequence + len(part.records))
        if records:
            break
    return records, place


def _parse(path: Path, place: Place) -> _Part:
    """The records of a segment from a place on."""
    try:
        with path.open("rb") as source:
            size = os.fstat(source.fileno()).st_size
            source.seek(place.offset)
            data = source.read()
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing; restore the collection") from None
    if size < place.offset:
        return _Part([], size, f"found {size} bytes, expected {place.offset} or more", False)
    records: list[Record] = []
    at, sequence = 0, place.sequence + 1
    while at < len(data):
        try:
            record = _record_at(data, at, sequence)
        except _BrokenError as error:
            torn = not error.certain and not _has_record(data, at + 1, sequence)
            torn = torn and (error.short or _has_unwritten_sector(data, at, place.offset))
            return _Part(records, place.offset + at, error.reason, torn)
        records.append(record)
        at, sequence = at + _HEADER.size + len(record.body), sequence + 1
    return _Part(records, place.offset + at, None, False)


def _record_at(data: bytes, at: int, sequence: int) -> Record:
    """The record that begins at `at` and should be `sequence`."""
    header = data[at : at + _HEADER.size]
    if len(header) < _HEADER.size:
        raise _BrokenError("the record ends early", short=True)
    if not _is_header(header):
        raise _BrokenError("found no record")
    _, version, found, length, body_hash, _ = _HEADER.unpack(header)
    if version != FORMAT:
        raise FormatError(f"found a log record of format {version}, this release reads {FORMAT}; upgrade it")
    if found != sequence:
        raise _BrokenError(f"found change {found}, expected {sequence}", certain=True)
    body = data[at + len(header) : at + len(header) + length]
    if len(body) < length:
        raise _BrokenError("the record ends early", short=True)
    if xxhash.xxh3_64_intdigest(body) != body_hash:
        raise _BrokenError("the record does not match its hash")
    return Record(sequence, body)


class _BrokenError(Exception):
    """What is wrong with a record; `short`: the file ends before it does; `certain`: no crash can have done it."""

    def __init__(self, reason: str, *, short: bool = False, certain: bool = False) -> None:
        self.reason, self.short, self.certain = reason, short, certain


def _is_header(header: bytes) -> bool:
    return header.startswith(MAGIC) and header[_HASHED:] == _hash_bytes(header[:_HASHED])


def _hash_bytes(data: bytes) -> bytes:
    return xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")


def _has_record(data: bytes, at: int, sequence: int) -> bool:
    """Whether a sound header of a later change stands anywhere from `at` on: then what is before it was whole once."""
    while (at := data.find(MAGIC, at)) >= 0:
        header = data[at : at + _HEADER.size]
        if len(header) == _HEADER.size and _is_header(header) and _HEADER.unpack(header)[2] > sequence:
            return True
        at += 1
    return False


def _has_unwritten_sector(data: bytes, at: int, base: int) -> bool:
    """Whether a sector from `at` on is zero; `data` begins at the offset `base` of the file."""
    while at < len(data):
        end = min(len(data), ((base + at) // SECTOR + 1) * SECTOR - base)
        if not any(data[at:end]):
            return True
        at = end
    return False
