"""Arrays that grow on disk, so that the memory of a build does not grow with its output."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Spool:
    """An array to append to, in an unnamed temporary file that lives as long as the object."""

    def __init__(self, dtype: npt.DTypeLike, folder: Path) -> None:
        self._dtype, self._length = np.dtype(dtype), 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with the object)

    def append(self, array: npt.NDArray[Any]) -> None:
        """Append an array."""
        self._file.write(np.ascontiguousarray(array, self._dtype).data)
        self._length += len(array)

    def array(self) -> npt.NDArray[Any]:
        """Return the whole array, memory-mapped and read-only. Nothing can be appended afterwards."""
        if self._length == 0:
            self._file.close()
            return np.zeros(0, self._dtype)
        self._file.flush()
        mapped = np.memmap(self._file, self._dtype, "r", shape=self._length)
        self._file.close()  # the mapping keeps the bytes
        return mapped

    def close(self) -> None:
        """Close the file. Mapped arrays stay valid."""
        self._file.close()

    def __len__(self) -> int:
        return self._length
