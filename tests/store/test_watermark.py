"""A log that lost its end is noticed, and no more changes are acknowledged."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import CorruptIndexError, SparseVectors
from seismic.changes.updates import Writer
from seismic.store.log import segment_path
from seismic.store.watermark import SLOT_BYTES, WATERMARK, read_watermark
from tests import samples


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Create a collection with three changes."""
    samples.opened(tmp_path, [{0: 1.0}], 4, documents=pa.table({"id": ["a"]})).close()
    for number in range(3):
        put(tmp_path / "index", f"d{number}")
    return tmp_path / "index"


def put(path: Path, id: str) -> int:
    return seismic.upsert(path, SparseVectors.from_dicts([{0: 2.0}], 4), pa.table({"id": [id]}))


def cut(path: Path) -> None:
    log = segment_path(path, 1)
    os.truncate(log, log.stat().st_size - 3)


LOSSES = {
    "folder": lambda path: shutil.rmtree(path / "log"),
    "segment": lambda path: segment_path(path, 1).unlink(),
    "emptied": lambda path: os.truncate(segment_path(path, 1), 0),
    "last record": cut,
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_lost_changes_are_noticed(collection: Path, loss: Callable[[Path], None], tmp_path: Path) -> None:
    index, writer = seismic.open(collection), Writer(collection)
    assert read_watermark(collection) == 3
    loss(collection)
    message = r"log: found changes up to \d, expected the acknowledged ones up to 3; the end is lost"
    with pytest.raises(CorruptIndexError, match=message):
        seismic.open(collection)
    with pytest.raises(CorruptIndexError):
        index.refresh()
    assert (len(index), index.sequence) == (4, 3)
    for change in (lambda: put(collection, "new"), lambda: writer.delete(["a"])):
        with pytest.raises(CorruptIndexError):
            change()
    for verb in (lambda: seismic.compact(collection), lambda: seismic.create_snapshot(collection, tmp_path / "s")):
        with pytest.raises(CorruptIndexError):
            verb()
    (damage,) = seismic.verify(collection).damages
    assert damage.file == "log"
    (collection / WATERMARK).unlink()  # accepts the loss
    assert put(collection, "new") == (3 if loss is cut else 1)


def test_a_rebuild_goes_on_after_the_last_acknowledged_change(collection: Path) -> None:
    shutil.rmtree(collection / "log")
    seismic.build(SparseVectors.from_dicts([{0: 1.0}], 4), collection, replace=True)
    assert seismic.verify(collection).damages == []
    assert seismic.delete(collection, [0]) == 4
    assert len(seismic.open(collection)) == 0


def test_a_log_that_the_generation_contains_may_go(collection: Path) -> None:
    seismic.compact(collection, keep=1)
    shutil.rmtree(collection / "log")
    assert len(seismic.open(collection)) == 4
    assert put(collection, "new") == 4


def test_a_torn_slot_leaves_the_other(collection: Path) -> None:
    path = collection / WATERMARK
    content = path.read_bytes()
    path.write_bytes(content[: SLOT_BYTES + 10] + bytes(10) + content[SLOT_BYTES + 20 :])  # that of 3
    assert read_watermark(collection) == 2
    path.write_bytes(b"x" * len(content))
    with pytest.raises(CorruptIndexError, match="no slot matches its hash"):
        seismic.open(collection)
    assert [damage.file for damage in seismic.verify(collection).damages] == ["log"]
    for lost in (b"", bytes(len(content))):  # by a power cut before the first write-back
        path.write_bytes(lost)
        assert len(seismic.open(collection)) == 4
    assert put(collection, "new") == 4
    assert read_watermark(collection) == 4


def test_changes_of_others_meanwhile_are_no_loss(collection: Path) -> None:
    """The watermark is read before the log."""
    index = seismic.open(collection)
    for number in range(50):
        put(collection, f"e{number}")
        assert index.refresh()
        assert index.sequence == 4 + number
