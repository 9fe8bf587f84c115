"""`seismic convert`, stopped, killed or out of disk: it goes on, or leaves nothing."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from seismic import LockedError, StorageError
from seismic.store.lock import exclusive
from seismic_tools.commands import convert as command
from seismic_tools.readers import Batch, Tokens, inversion, jsonl, read_collection
from seismic_tools.writers import parts as parts_module
from seismic_tools.writers.parts import kept_parts
from tests.index_tools.conftest import Run, names, write_lines
from tests.index_tools.formats import DATA, read
from tests.index_tools.readers.test_formats import rows_of


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has two documents, a part two batches."""
    monkeypatch.setattr(jsonl, "BATCH_ROWS", 2)
    monkeypatch.setattr(parts_module, "ENOUGH", 100)


def lines(tmp_path: Path) -> list[Path]:
    """Three files whose columns widen on the way, and whose tokens come one by one."""
    documents = [
        {"id": f"{number}", "n": [None, 1, 0.5][number // 7 % 3], "vector": {f"t{number // 2}": 1.0, "x": 2.0}}
        for number in range(30)
    ]
    files = [tmp_path / f"{name}.jsonl" for name in "abc"]
    return [write_lines(file, *documents[10 * part : 10 * part + 10]) for part, file in enumerate(files)]


class Stop(BaseException):
    """As an interrupt from the keyboard."""


def stop(*_: Any) -> None:
    raise Stop


class Reader:
    """Reads as `read_collection` does, counts rows, and stops before one of its batches."""

    def __init__(self, before: int | None = None) -> None:
        self.before, self.rows = before, 0

    def __call__(self, *arguments: Any, **options: Any) -> Iterator[Batch]:
        for number, batch in enumerate(read_collection(*arguments, **options)):
            if number == self.before:
                raise Stop
            self.rows += len(batch.vectors)
            yield batch


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("ending", [".parquet", ".jsonl", ".ciff", ".bin"])
@pytest.mark.parametrize("batches", [4, 5, 9, 14, 15])
def test_stops_cost_little(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, batches: int
) -> None:
    """Stopped after some batches, or (15 are all) while writing, and resumed, the same bytes come out."""
    inputs = lines(tmp_path)
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"x{ending}"
    assert run("convert", *inputs, whole).exit_code == 0
    first, second = Reader(before=batches), Reader()
    with monkeypatch.context() as patch:
        patch.setattr(command, "read_collection", first)
        patch.setattr(command, "put_in_place", stop)
        with pytest.raises(Stop):
            run("convert", *inputs, out)
    assert not out.exists()
    refused = run("convert", *inputs, out)
    assert refused.exit_code == 2
    assert "add --resume to continue" in " ".join(refused.stderr.split())
    with monkeypatch.context() as patch:
        patch.setattr(command, "read_collection", second)
        result = run("convert", *inputs, out, "--resume")
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == whole.read_bytes()
    assert first.rows == 2 * batches
    assert 30 <= first.rows + second.rows <= 30 + 4  # what was waiting to become a part
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.usefixtures("small_parts")
def test_stops_before_the_first_part_leave_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = lines(tmp_path)
    monkeypatch.setattr(command, "read_collection", Reader(before=1))
    with pytest.raises(Stop):
        run("convert", *inputs, tmp_path / "x.bin")
    assert names(tmp_path) == [file.name for file in inputs]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_something_else(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, out = lines(tmp_path), tmp_path / "x.bin"
    with monkeypatch.context() as patch:
        patch.setattr(command, "put_in_place", stop)
        with pytest.raises(Stop):
            run("convert", *inputs, out)
    for arguments in (inputs[:2], [*inputs, "--repair"], [*inputs, "--dimension", "100"]):
        result = run("convert", *arguments, out, "--resume")
        assert result.exit_code == 2
        assert "found parts of other inputs, options or releases" in " ".join(result.stderr.split())
    os.utime(inputs[2], (1, 1))
    assert "found parts of other inputs" in " ".join(run("convert", *inputs, out, "--resume").stderr.split())
    part = tmp_path / ".x.bin.parts" / "part-00001.arrow"
    assert part.exists()


@pytest.mark.usefixtures("small_parts")
def test_columns_are_compared_with_those_read_before_the_stop(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [*lines(tmp_path), write_lines(tmp_path / "d.jsonl", {"id": "d", "vector": {}, "size": 1})]
    with monkeypatch.context() as patch:
        patch.setattr(command, "read_collection", Reader(before=12))
        with pytest.raises(Stop):
            run("convert", *inputs, tmp_path / "x.bin")
    result = run("convert", *inputs, tmp_path / "x.bin", "--resume")
    assert "d.jsonl has a column 'size', but" in result.stderr


KILLED = """
import os, signal, sys
from seismic_tools.writers import parts
from seismic_tools.cli import app
from seismic_tools.readers import jsonl

jsonl.BATCH_ROWS, parts.ENOUGH = 2, 100
done, put = [], parts.put_in_place

def put_in_place(*paths):
    done.append(put(*paths))
    if len(done) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

parts.put_in_place = put_in_place
app(sys.argv[1:])
"""


def test_killed(run: Run, tmp_path: Path) -> None:
    inputs, out = lines(tmp_path), tmp_path / "x.parquet"
    done = subprocess.run([sys.executable, "-c", KILLED, "convert", *map(str, inputs), str(out)], timeout=600)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    result = run("convert", *inputs, out, "--resume")
    assert result.exit_code == 0, result.output
    assert pq.read_table(out)["id"].to_pylist() == [str(number) for number in range(30)]


def test_one_conversion_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "x.bin"
    with (
        kept_parts(out, {}, [], Tokens(), resume=False),
        pytest.raises(LockedError, match="convert by process"),
        kept_parts(out, {}, [], Tokens(), resume=True),
    ):
        pass
    with exclusive(tmp_path / "LOCK", "test"):
        assert names(tmp_path) == ["LOCK"]


# ---- a disk that is full -----------------------------------------------------------------------------------------


@contextmanager
def small_disk() -> Iterator[None]:
    """No file can have more than 1,500 bytes, as if the disk were full. Not longer than a command takes: pytest's own
    output may go to a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("source", ["documents.bin", "documents.ciff"])
def test_no_room_for_parts(run: Run, tmp_path: Path, source: str) -> None:
    with small_disk():
        result = run("convert", DATA / source, tmp_path / "x.parquet")
    assert result.exit_code == 2, result.output
    assert "error: cannot write" in result.stderr
    assert names(tmp_path) == []


def test_no_room_for_runs(tmp_path: Path) -> None:
    """Check that the message does not blame the input, which is fine."""
    numbers = np.arange(inversion.ROOM, dtype=np.uint32)
    with small_disk(), inversion.inversion(tmp_path) as turned, pytest.raises(StorageError, match="cannot write to"):
        turned.add(numbers, numbers, numbers)
    assert names(tmp_path) == []


def test_runs_on_disk_change_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("convert", DATA / "documents.jsonl", tmp_path / "whole.ciff").exit_code == 0
    monkeypatch.setattr(inversion, "ROOM", 1)
    assert run("convert", DATA / "documents.jsonl", tmp_path / "runs.ciff").exit_code == 0
    assert (tmp_path / "runs.ciff").read_bytes() == (tmp_path / "whole.ciff").read_bytes()
    assert rows_of(read(DATA / "documents.ciff")) == rows_of(read(DATA / "merged.ciff"))
