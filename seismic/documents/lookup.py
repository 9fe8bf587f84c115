"""The user's id -> document number: sorted hashes, 12 bytes a document, made when first needed."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.documents.ids import hash_ids
from seismic.documents.table import Documents


class Lookup:
    """Where the ids of one shard stand. Safe to use from many threads."""

    def __init__(self, table: pa.Table) -> None:
        self._ids, self._documents = table["id"], Documents([table])

    def find(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """int64 [n]: the row of each id (strings or integers, as the shard's are), -1 if there is none."""
        hashes, rows = self._sorted
        wanted, texts = hash_ids(ids), ids.to_pylist()
        found = np.full(len(wanted), -1, np.int64)
        at, pending = np.searchsorted(hashes, wanted), np.arange(len(wanted))
        while True:
            pending = pending[at[pending] < len(hashes)]
            pending = pending[hashes[at[pending]] == wanted[pending]]
            if len(pending) == 0:
                return found
            candidates = rows[at[pending]]
            known = self._documents.ids(candidates.tolist())
            same = np.array([one == texts[other] for one, other in zip(known, pending.tolist(), strict=True)])
            found[pending[same]] = candidates[same]
            pending = pending[~same]  # another id of the same hash: look at the next
            at[pending] += 1

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        """(hashes, ascending; their rows)."""
        hashes = np.concatenate([hash_ids(chunk) for chunk in self._ids.chunks] or [np.zeros(0, np.uint64)])
        rows = np.argsort(hashes).astype(np.uint32)
        return hashes[rows], rows
