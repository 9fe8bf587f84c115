from pathlib import Path

import pyarrow as pa
import pytest

from seismic.store import sections
from seismic.store.files import write_batches
from seismic.store.sections import FRAMING, damaged_sections, hash_sections, placed

BATCH = pa.record_batch(
    {
        "number": pa.array([1, 2, None]),
        "text": ["a", "bc", ""],
        "lists": pa.array([[1.5], [], [2.5, 3.5]], pa.list_(pa.float32())),
        "pair": pa.array([{"a": True, "b": "x"}] * 3),
    }
)
NAMES = {
    *("number nulls", "number values", "text offsets", "text values", "lists offsets", "lists.item values"),
    *("pair.a values", "pair.b offsets", "pair.b values", FRAMING),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_batches(tmp_path / "some.arrow", BATCH.schema, [BATCH])
    return tmp_path / "some.arrow"


def test_sections_are_named_and_tile_the_file(path: Path) -> None:
    found = hash_sections(path)
    assert {section.name for section in found} == NAMES
    assert sum(section.bytes for section in found) == path.stat().st_size
    assert [first for first, _ in placed(found)][:2] == [0, found[0].bytes]


def test_every_changed_byte_is_in_the_section_that_is_named(path: Path) -> None:
    found, content = placed(hash_sections(path)), path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        [(_, first, end)] = damaged_sections(path, found)
        assert first <= at < end


def test_batches_are_told_apart(path: Path) -> None:
    write_batches(path, BATCH.schema, [BATCH, BATCH])
    names = {section.name for section in hash_sections(path)}
    assert names == {FRAMING} | {f"batch {number}, {name}" for number in (0, 1) for name in NAMES - {FRAMING}}


def test_long_buffers_are_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "LARGEST", 16)
    monkeypatch.setattr(sections, "READ", 10)
    found = hash_sections(path)
    assert [section.bytes for section in found if section.name == "number values"] == [16, 8]
    assert not [*damaged_sections(path, placed(found))]
