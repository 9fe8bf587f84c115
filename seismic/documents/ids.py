"""Hash ids, for lookups and for the detection of duplicates."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.kernels.hashing import hash_texts


def hash_ids(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """Return uint64 [n]. An integer is its own hash, independent of its width."""
    if pa.types.is_integer(ids.type):
        numbers: npt.NDArray[np.uint64] = ids.to_numpy().astype(np.int64).view(np.uint64)
        return numbers
    hashes = np.empty(len(ids), np.uint64)
    _, offsets, text = ids.buffers()
    if len(ids):
        width = np.int64 if pa.types.is_large_string(ids.type) else np.int32
        starts = np.frombuffer(offsets, width)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
        data = np.frombuffer(text if text is not None else b"", np.uint8)
        hash_texts(starts, data, hashes)
    return hashes


def find_repeat(ids: pa.ChunkedArray) -> tuple[int, int] | None:
    """Return (row, first row with the same id) of the first duplicate, or None. Takes 16 bytes per document."""
    hashes = np.concatenate([np.zeros(0, np.uint64), *map(hash_ids, ids.chunks)])
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated) == 0:
        return None
    first: dict[str | int, int] = {}
    for row in np.flatnonzero(np.isin(hashes, repeated)).tolist():
        id = ids[row].as_py()
        if id in first:
            return row, first[id]
        first[id] = row
    return None
