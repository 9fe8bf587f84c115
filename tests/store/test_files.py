from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
import xxhash

from seismic import CorruptIndexError
from seismic.store.files import hash_file, map_batch, map_table, write_batches
from seismic.store.manifest import FileEntry
from seismic.store.sections import Section

SCHEMA = pa.schema({"number": pa.int64(), "text": pa.string()})
BATCHES = [pa.record_batch([pa.array([1, 2]), pa.array(["a", "b"])], schema=SCHEMA)] * 3


def entry_of(size: int) -> FileEntry:
    return FileEntry(bytes=size, rows=1, xxh3_128="", sections=[Section("framing", size, "")])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.arrow"


def test_entries_describe_the_file(path: Path) -> None:
    entry = write_batches(path, SCHEMA, BATCHES)
    content = path.read_bytes()
    assert (entry.bytes, entry.rows, entry.xxh3_128) == (len(content), 6, xxhash.xxh3_128_hexdigest(content))
    assert map_table(path, entry).equals(pa.Table.from_batches(BATCHES))


def test_hashes_run_over_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(bytes(range(256)))
    monkeypatch.setattr("seismic.store.files.HASH_CHUNK", 100)
    assert hash_file(path) == xxhash.xxh3_128_hexdigest(bytes(range(256)))


@pytest.mark.parametrize("batches", [[], [pa.RecordBatch.from_pylist([], SCHEMA)]])
def test_no_rows(path: Path, batches: list[pa.RecordBatch]) -> None:
    entry = write_batches(path, SCHEMA, batches)
    assert map_batch(path, entry, SCHEMA).num_rows == 0


def test_missing_files(path: Path) -> None:
    with pytest.raises(CorruptIndexError, match=r"some\.arrow is missing, although the manifest lists it"):
        map_table(path, entry_of(1))


def test_folders_are_not_files(path: Path) -> None:
    path.mkdir()
    entry = entry_of(path.stat().st_size)
    with pytest.raises(CorruptIndexError, match=r"some\.arrow is not a readable Arrow file"):
        map_table(path, entry)


@pytest.mark.parametrize("change", [-1, 1, -100])
def test_other_sizes(path: Path, change: int) -> None:
    entry = write_batches(path, SCHEMA, BATCHES)
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(CorruptIndexError, match=f"found {entry.bytes + change} bytes, expected {entry.bytes}"):
        map_table(path, entry)


@pytest.mark.parametrize("content", [b"ARROW1\0\0", b"not an arrow file at all", b"ARROW1\0\0" + bytes(100)])
def test_other_content(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CorruptIndexError, match=r"some\.arrow"):
        map_table(path, entry_of(len(content)))


def test_other_row_counts(path: Path) -> None:
    entry = write_batches(path, SCHEMA, BATCHES).model_copy(update={"rows": 7})
    with pytest.raises(CorruptIndexError, match="found 6 rows, expected 7"):
        map_table(path, entry)


def test_other_columns(path: Path) -> None:
    entry = write_batches(path, SCHEMA, BATCHES[:1])
    expected = pa.schema({"number": pa.int32(), "text": pa.string()})
    with pytest.raises(CorruptIndexError, match="found columns number int64, text string, expected number int32"):
        map_batch(path, entry, expected)


def test_one_batch_is_one_batch(path: Path) -> None:
    entry = write_batches(path, SCHEMA, BATCHES)
    with pytest.raises(CorruptIndexError, match="found 3 record batches, expected one"):
        map_batch(path, entry, SCHEMA)


def test_arrays_for_kernels_have_no_nulls(path: Path) -> None:
    batch = pa.record_batch([pa.array([1, None]), pa.array(["a", "b"])], schema=SCHEMA)
    entry = write_batches(path, SCHEMA, [batch])
    assert map_table(path, entry).num_rows == 2
    with pytest.raises(CorruptIndexError, match=r"some\.arrow: found nulls, expected none"):
        map_batch(path, entry, SCHEMA)


def test_any_changed_bit_of_the_framing_is_an_error_or_harmless(path: Path) -> None:
    entry = write_batches(path, SCHEMA, BATCHES[:1])
    content = path.read_bytes()
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        with suppress(CorruptIndexError):
            map_batch(path, entry, SCHEMA)
