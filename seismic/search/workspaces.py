"""Scratch arrays of searches, reused from one to the next."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seismic.kernels import accumulate, lists, visit
from seismic.kernels.best import room_for
from seismic.kernels.topk import Known, TopK
from seismic.query import QUERY_DIMENSION, Query
from seismic.vectors import SparseVectors


class Row(NamedTuple):
    """What a search of one query reads and writes. ``starts`` int64 [2]; ``indptr`` is a read-only view of it."""

    starts: npt.NDArray[np.int64]
    indptr: npt.NDArray[np.int64]
    known: Known
    top: TopK

    def holding(self, query: Query) -> SparseVectors:
        """Return a query as the only row of a batch, and set the counters to zero."""
        components, values = query.components, query.values
        self.starts[1], self.top.counters[:] = len(values), 0
        if components.dtype != np.uint32 or values.dtype != np.float32:
            return SparseVectors.trusted(self.indptr, components, values, QUERY_DIMENSION)
        components.flags.writeable = values.flags.writeable = False  # as kernels are compiled for
        return SparseVectors(self.indptr, components, values, QUERY_DIMENSION)


class Workspaces:
    """The scratch arrays of one thread, made when first needed."""

    def __init__(self) -> None:
        self._dimension, self._documents = 0, 0
        self._exact: visit.Workspace | None = None
        self._accumulate: accumulate.Workspace | None = None
        self._lists: lists.Workspace | None = None
        self._row: Row | None = None
        self._flag = np.zeros(1, np.uint8)

    def fit(self, dimension: int, documents: int, flag: npt.NDArray[np.uint8]) -> None:
        """Make room for shards of up to `documents` documents. Searches end once `flag` uint8 [1] is set."""
        self._flag = flag
        if dimension != self._dimension or documents > self._documents:
            self._dimension, self._documents = dimension, documents
            self._exact = self._lists = None

    def for_exact(self, k: int) -> visit.Workspace:
        """Return scratch arrays for block bounds, scans and up to k hits."""
        if self._exact is None or len(self._exact.best.keys) < room_for(k, 1):
            self._exact = visit.make_exact_workspace(self._dimension, self._documents, k)
        if self._exact.stop is not self._flag:
            self._exact = self._exact._replace(stop=self._flag)
        return self._exact

    def for_accumulate(self, k: int) -> accumulate.Workspace:
        """Return scratch arrays for accumulation and up to k hits."""
        if self._accumulate is None or len(self._accumulate.best.keys) < room_for(k, accumulate.DOCUMENT_GROUP):
            self._accumulate = accumulate.make_accumulate_workspace(k)
        if self._accumulate.stop is not self._flag:
            self._accumulate = self._accumulate._replace(stop=self._flag)
        return self._accumulate

    def for_lists(self, blocks: int) -> lists.Workspace:
        """Return scratch arrays for the plan `lists` and up to `blocks` estimated blocks, padding included."""
        if self._lists is None or len(self._lists.order) < blocks:
            self._lists = lists.make_workspace(self._dimension, self._documents, blocks)
        if self._lists.stop is not self._flag:
            self._lists = self._lists._replace(stop=self._flag)
        return self._lists

    def for_row(self, k: int) -> Row:
        """Return the arrays of a search of one query for k hits."""
        if self._row is None or self._row.top.scores.shape[1] != k:
            top = TopK(np.empty((1, k), np.float32), np.empty((1, k), np.int64), np.empty((1, 4), np.int64))
            known = Known(np.zeros(1, np.float32), np.empty((1, 0), np.float32), k)
            starts = np.zeros(2, np.int64)
            indptr = starts[:]
            indptr.flags.writeable = False
            self._row = Row(starts, indptr, known, top)
        return self._row
