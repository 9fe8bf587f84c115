"""Arrays that grow on disk, so that a build's memory does not grow with its output."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Spool:
    """An array appended to piece by piece; it lives in an unnamed temporary file, which goes with the object."""

    def __init__(self, dtype: npt.DTypeLike, folder: Path) -> None:
        self._dtype, self._length = np.dtype(dtype), 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with the object)

    def append(self, array: npt.NDArray[Any]) -> None:
        """Add to the end."""
        self._file.write(np.ascontiguousarray(array, self._dtype).data)
        self._length += len(array)

    def array(self) -> npt.NDArray[Any]:
        """Everything appended, memory-mapped and read-only. Ends the growing."""
        if self._length == 0:
            self._file.close()
            return np.zeros(0, self._dtype)
        self._file.flush()
        mapped = np.memmap(self._file, self._dtype, "r", shape=self._length)
        self._file.close()  # the mapping keeps the bytes
        return mapped

    def close(self) -> None:
        """Let go of the file; what is mapped stays."""
        self._file.close()

    def __len__(self) -> int:
        return self._length
