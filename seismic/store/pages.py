"""The memory pages under the mapped files of a shard.

A search reads a little in thousands of places. With pages of 4 KB, much of its time goes into finding their addresses.
"""

import ctypes
import mmap
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def prefer_huge_pages(arrays: Iterable[npt.NDArray[Any]]) -> None:
    """Let the kernel read the files under `arrays` in pages of 2 MB where it can, from now on.

    What is in the page cache already keeps its pages. A first access then reads 2 MB, so memory must have room for the
    files. Does nothing where the kernel lacks such pages. The arrays are views of memory-mapped files.
    """
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is None:  # not Linux
        return
    madvise = ctypes.CDLL(None).madvise
    for array in arrays:
        start = array.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE  # a file is mapped from the beginning of a page
        length = array.ctypes.data + array.nbytes - start
        if array.nbytes:
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), ctypes.c_int(advice))


def load(arrays: Iterable[npt.NDArray[Any]]) -> None:
    """Read the pages under `arrays`."""
    for array in arrays:
        np.add.reduce(array.view(np.uint8)[:: mmap.PAGESIZE], dtype=np.uint64)
