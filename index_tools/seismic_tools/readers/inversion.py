"""Invert postings in bounded memory: sorted runs on disk, merged by ranges of keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from seismic.store.failures import file_errors

Columns = npt.NDArray[np.uint32]
"""uint32 [3, n]: key, other number, and the 32 bits of a value."""

ROOM = 1 << 22
"""Postings held in memory before they are sorted into a run: 50 MB, and four times that while sorting."""


class Inversion:
    """Postings added in any order and read by ranges of keys; made by `inversion`.

    Postings of one key keep the order in which they were added. StorageError if the disk is full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[Columns] = []
        self._count = 0
        self._runs: list[Columns] = []

    def add(self, keys: npt.NDArray[np.uint32], others: npt.NDArray[np.uint32], bits: npt.NDArray[np.uint32]) -> None:
        """Add postings."""
        self._waiting.append(np.stack([keys, others, bits]))
        self._count += len(keys)
        if self._count >= ROOM:
            self._write_run()

    def _write_run(self) -> None:
        run = _sorted(self._waiting)
        self._waiting, self._count = [], 0
        path = self._folder / f"run-{len(self._runs):05d}"
        with file_errors("write to", self._folder):
            run.tofile(path)
        self._runs.append(np.asarray(np.memmap(path, np.uint32, mode="r", shape=run.shape)))

    def between(self, first: int, last: int) -> Columns:
        """Return the postings of the keys first .. last - 1, sorted by key. Nothing can be added afterwards."""
        if self._waiting:
            self._runs.append(_sorted(self._waiting))
            self._waiting = []
        keys = np.array([first, last - 1], np.uint32)  # the type of the runs, which would be converted otherwise
        parts = []
        for run in self._runs:
            begin = np.searchsorted(run[0], keys[0], side="left")
            parts.append(run[:, begin : np.searchsorted(run[0], keys[1], side="right")])
        return _sorted(parts)


@contextmanager
def inversion(scratch: Path | None) -> Iterator[Inversion]:
    """Yield an inversion whose runs are in a temporary folder in `scratch`, or in that of the system."""
    with file_errors("write to", scratch or "the folder for temporary files"):
        folder = TemporaryDirectory(prefix=".seismic-", dir=scratch)
    with folder as name:
        yield Inversion(Path(name))


def _sorted(parts: list[Columns]) -> Columns:
    if not parts:
        return np.zeros((3, 0), np.uint32)
    joined = np.concatenate(parts, axis=1)
    return joined[:, np.argsort(joined[0], kind="stable")]
