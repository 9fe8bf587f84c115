from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seismic_tools.measure.bench.collection import Choice, Collection, prepare
from tests.conftest import DATA


def ignore(stage: str, done: int, total: int) -> None:
    """Shows no progress."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 300 documents and 41 queries of SciFact; their exact answers are not those of the whole."""
    folder = tmp_path_factory.mktemp("source") / "few"
    folder.mkdir()
    for name, rows in (("documents", 300), ("queries", 41)):
        pq.write_table(pq.read_table(DATA / f"{name}.parquet").slice(0, rows), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def few(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """What workers find of it, for 5 hits."""
    folder = tmp_path_factory.mktemp("few")
    return prepare(source, Choice(None, None, 0, [5]), folder, folder / "exact", ignore)
