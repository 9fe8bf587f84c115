from pathlib import Path

import pytest

import seismic
from seismic import CorruptIndexError, ParameterError
from seismic.maintenance.retention import keep_snapshots
from tests import samples

OLD = [f"index-203{year}0131T123015Z.snapshot" for year in range(4)]
"""Times in the future, as after the clock was set back."""

OTHERS = ["index-2-20300131T123015Z.snapshot", "index.snapshot", "index-20300131T123015Z.snapshot.part", "README"]


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    samples.opened(tmp_path, [{0: 1.0}], 10)
    return tmp_path / "index"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in [*OLD, *OTHERS]:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(("keep", "left"), [(1, []), (3, OLD[2:]), (5, OLD), (9, OLD)])
def test_the_newest_are_kept(collection: Path, folder: Path, tmp_path: Path, keep: int, left: list[str]) -> None:
    kept = keep_snapshots(collection, str(folder), keep, compress=True)
    assert [path.name for path in kept.removed] == [name for name in OLD if name not in left]
    assert sorted(path.name for path in folder.iterdir()) == sorted([kept.file.name, *left, *OTHERS])
    assert kept.bytes == kept.file.stat().st_size
    seismic.restore_snapshot(kept.file, tmp_path / "copy")


def test_a_snapshot_that_fails_removes_nothing(collection: Path, folder: Path) -> None:
    file = next(collection.glob("generations/000001/shard-*/shared.arrow"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptIndexError):
        keep_snapshots(collection, folder, 1)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*OLD, *OTHERS])


def test_what_cannot_be_kept_is_refused(collection: Path, folder: Path) -> None:
    with pytest.raises(ParameterError, match="keep: found 0, expected at least 1 snapshot"):
        keep_snapshots(collection, folder, 0)
    with pytest.raises(ParameterError, match=r"found nothing at .*/none, expected an existing folder"):
        keep_snapshots(collection, folder / "none", 1)
    with pytest.raises(ParameterError, match=r"found a file at .*/README, expected an existing folder"):
        keep_snapshots(collection, folder / "README", 1)
