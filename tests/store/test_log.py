"""The log returns acknowledged records, skips torn ones, and reports damage."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import CorruptIndexError, FormatError, StorageError
from seismic.store import log
from seismic.store.log import (
    LogPosition,
    appending,
    last_sequence,
    position_after,
    prune_log,
    read_log,
    segment_path,
    segments,
)
from seismic.store.watermark import raise_watermark

BODIES = [b"one", b"", bytes(range(256)) * 9, b"four" * 300]


def append(folder: Path, body: bytes, place: LogPosition) -> LogPosition:
    with appending(folder):
        return log.append(folder, body, place)


def written(folder: Path, bodies: list[bytes] = BODIES) -> LogPosition:
    place = position_after(folder, 0)
    for body in bodies:
        place = append(folder, body, place)
    return place


def bodies(folder: Path, after: int = 0) -> list[bytes]:
    found, place = [], position_after(folder, after)
    while (part := read_log(folder, place))[0]:
        found += [record.body for record in part[0] if record.sequence > after]
        place = part[1]
    return found


def ends(bodies: list[bytes] = BODIES) -> list[int]:
    """Return the end offset of each record of the only segment."""
    total, found = 0, []
    for body in bodies:
        total += 40 + len(body)
        found.append(total)
    return found


def test_records_are_read_in_order(tmp_path: Path) -> None:
    assert bodies(tmp_path) == []
    assert last_sequence(tmp_path) == 0
    place = written(tmp_path)
    assert bodies(tmp_path) == BODIES
    assert bodies(tmp_path, after=2) == BODIES[2:]
    assert place == LogPosition(1, ends()[-1], 4)
    assert last_sequence(tmp_path) == 4
    assert read_log(tmp_path, place) == ([], place)


def test_an_append_does_not_need_the_end(tmp_path: Path) -> None:
    old = position_after(tmp_path, 0)
    written(tmp_path)
    assert append(tmp_path, b"five", old).sequence == 5
    assert bodies(tmp_path) == [*BODIES, b"five"]


def test_segments_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SEGMENT_BYTES", 100)
    written(tmp_path, [b"x" * 30] * 7)
    assert segments(tmp_path) == [1, 3, 5, 7]
    assert bodies(tmp_path) == [b"x" * 30] * 7
    assert [position_after(tmp_path, after).segment for after in (0, 1, 2, 6, 9)] == [1, 1, 3, 7, 7]


def test_pruning_removes_contained_segments_and_sequences_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prune_log(tmp_path, 5)  # without a log
    monkeypatch.setattr(log, "SEGMENT_BYTES", 100)
    written(tmp_path, [b"x" * 30] * 7)
    prune_log(tmp_path, 3)
    assert segments(tmp_path) == [3, 5, 7]
    assert len(bodies(tmp_path, after=3)) == 4
    prune_log(tmp_path, 7)
    assert segments(tmp_path) == [8]
    assert bodies(tmp_path, after=7) == []
    assert append(tmp_path, b"eight", position_after(tmp_path, 7)) == LogPosition(8, 45, 8)
    with pytest.raises(CorruptIndexError, match="found change 8, expected 4 next; changes are lost"):
        bodies(tmp_path, after=3)


@given(st.integers(1, 40 + len(BODIES[-1])))
def test_a_torn_tail_is_not_read_and_the_next_append_cuts_it_off(tmp_path_factory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    written(folder)
    path = segment_path(folder, 1)
    os.truncate(path, path.stat().st_size - cut)
    raise_watermark(folder, 3)  # a torn record was never acknowledged
    raise_watermark(folder, 2)
    assert bodies(folder) == BODIES[:-1]
    assert append(folder, b"again", position_after(folder, 0)).sequence == 4
    assert bodies(folder) == [*BODIES[:-1], b"again"]
    assert path.stat().st_size == ends([*BODIES[:-1], b"again"])[-1]


@given(st.integers(0, 2))
def test_a_tail_whose_sectors_were_not_all_written_is_torn(tmp_path_factory, sector: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    written(folder)
    path, begin = segment_path(folder, 1), ends()[2]
    data = bytearray(path.read_bytes())
    first = max(begin, (begin // log.SECTOR + sector) * log.SECTOR)
    last = min(len(data), (first // log.SECTOR + 1) * log.SECTOR)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    assert bodies(folder) == BODIES[:-1]


@given(st.integers(0, ends()[-1] - 1), st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_damage(tmp_path_factory, at: int, bit: int) -> None:
    folder = tmp_path_factory.mktemp("log")
    written(folder)
    path = segment_path(folder, 1)
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)
    broken = max([end for end in ends() if end <= at], default=0)
    for use in (lambda: bodies(folder), lambda: append(folder, b"more", position_after(folder, 0))):
        with pytest.raises(CorruptIndexError, match=f"{path.name}: damaged at offset {broken}: "):
            use()
    assert path.read_bytes() == data


def test_damage_to_whole_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "SEGMENT_BYTES", 100)
    place = written(tmp_path, [b"x" * 30] * 7)
    first, second, third = (segment_path(tmp_path, segment) for segment in (1, 3, 5))
    content = second.read_bytes()
    second.write_bytes(content[:-1])
    with pytest.raises(CorruptIndexError, match="damaged at offset 70: the record ends early"):
        bodies(tmp_path)
    second.write_bytes(content[:70])
    with pytest.raises(CorruptIndexError, match="found change 5, expected 4 next"):
        bodies(tmp_path)
    second.write_bytes(third.read_bytes())
    with pytest.raises(CorruptIndexError, match="damaged at offset 0: found change 5, expected 3"):
        bodies(tmp_path)
    second.unlink()
    with pytest.raises(CorruptIndexError, match="found change 5, expected 3 next"):
        bodies(tmp_path)
    os.truncate(segment_path(tmp_path, 7), 0)
    with pytest.raises(CorruptIndexError, match="found 0 bytes, expected 70 or more"):
        read_log(tmp_path, place)
    segment_path(tmp_path, 7).unlink()
    with pytest.raises(CorruptIndexError, match="is missing"):
        read_log(tmp_path, place)
    assert first.exists()


def test_a_record_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    with appending(tmp_path):
        place = log.append(tmp_path, b"two", LogPosition(0, 0, 0), version=2)
        assert bodies(tmp_path) == [b"two"]
        log.append(tmp_path, b"three", place, version=3)
    with pytest.raises(FormatError, match="format 3, this release reads up to 2"):
        bodies(tmp_path)


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_an_append_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    place = written(tmp_path)
    real = os.pwrite

    def full(descriptor: int, *rest) -> int:
        if call == "pwrite":
            real(descriptor, b"half", rest[1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(StorageError, match="No space left on device; the change was not made"):
        append(tmp_path, b"five", place)
    monkeypatch.undo()
    assert bodies(tmp_path) == BODIES
    assert append(tmp_path, b"five", place).sequence == 5


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: real(descriptor, data[:100], offset))
    written(tmp_path)
    assert bodies(tmp_path) == BODIES
