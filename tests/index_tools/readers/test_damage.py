"""Whatever became of a file, reading it ends with its documents or with one error of ours."""

import random
from pathlib import Path

import pytest

from seismic import InputError, SeismicError
from tests.index_tools.conftest import Run, names
from tests.index_tools.formats import DATA, FORMATS, read


def attempt(path: Path, data: bytes) -> bool:
    """Return whether a file could be read; anything but documents or a SeismicError fails the test."""
    path.write_bytes(data)
    problem = ""
    try:
        read(path, tokens=None)
    except SeismicError as error:
        problem = str(error)
    assert problem.startswith((str(path), "no documents in")) or not problem
    return not problem


def test_every_truncation(some_file: Path) -> None:
    data = some_file.read_bytes()
    readable = [cut for cut in range(len(data)) if attempt(some_file, data[:cut])]
    if some_file.name == "x.jsonl":  # whole lines are whole documents
        assert all(data[cut - 1 : cut] == b"\n" or data[cut : cut + 1] == b"\n" for cut in readable)
    else:
        assert readable == []


def test_changed_bytes(some_file: Path) -> None:
    """Few formats have checksums, so some changes cannot be seen; none may do harm."""
    data = some_file.read_bytes()
    chance = random.Random(some_file.name)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        attempt(some_file, bytes(changed))


@pytest.mark.parametrize("claimed", [name for name in FORMATS if "json" not in name])
def test_files_that_are_something_else(some_file: Path, claimed: str) -> None:
    other = some_file.with_name(f"other-{claimed}")
    if other.suffix == some_file.suffix:
        return
    some_file.rename(other)
    with pytest.raises(InputError, match=f"{claimed}: cannot be read as"):
        read(other)


@pytest.mark.parametrize("name", ["x.csr", "x.csr.gz", "x.bin", "x.ciff", "x.ciff.gz", "x.arrow", "x.parquet"])
def test_more_behind_the_end(tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert attempt(tmp_path / name, data)
    assert not attempt(tmp_path / name, data + b"\0\0\0\1")


def test_checksums_of_zips(tmp_path: Path) -> None:
    data = bytearray((DATA / "array-stored.npz").read_bytes())
    at = data.index(b"data.npy") + 8 + 128 + 4  # a bit of the first value's mantissa
    data[at] ^= 1
    assert not attempt(tmp_path / "x.npz", bytes(data))


def test_conversions_of_damaged_files_leave_nothing(run: Run, some_file: Path) -> None:
    data = some_file.read_bytes()
    for cut in (0, len(data) // 2, len(data) - 3):  # also inside a line
        some_file.write_bytes(data[:cut])
        result = run("convert", some_file, some_file.with_name("out.parquet"))
        assert result.exit_code == 2, result.output
        assert result.stderr.count("error: ") == 1
        assert names(some_file.parent) == [some_file.name]
