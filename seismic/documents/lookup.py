"""Map ids to document numbers by sorted hashes: 12 bytes per document, computed on first use."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.documents.ids import hash_ids
from seismic.documents.table import Documents


class Lookup:
    """The rows of one shard's ids. Safe to use from many threads."""

    def __init__(self, table: pa.Table) -> None:
        self._ids, self._documents = table["id"], Documents([table])

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Return int64 [n], the row of each id, -1 for unknown ids. `ids` has the type of the shard's ids."""
        hashes, rows = self._sorted
        wanted, texts = hash_ids(ids), ids.to_pylist()
        result = np.full(len(wanted), -1, np.int64)
        slots, pending = np.searchsorted(hashes, wanted), np.arange(len(wanted))
        while True:
            pending = pending[slots[pending] < len(hashes)]
            pending = pending[hashes[slots[pending]] == wanted[pending]]
            if len(pending) == 0:
                return result
            candidates = rows[slots[pending]]
            known = self._documents.ids(candidates.tolist())
            same = np.array([id == texts[row] for id, row in zip(known, pending.tolist(), strict=True)])
            result[pending[same]] = candidates[same]
            pending = pending[~same]  # hash collision: try the next slot
            slots[pending] += 1

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        """(ascending hashes, their rows)."""
        hashes = np.concatenate([hash_ids(chunk) for chunk in self._ids.chunks] or [np.zeros(0, np.uint64)])
        rows = np.argsort(hashes).astype(np.uint32)
        return hashes[rows], rows
