"""Scratch arrays of searches, reused from one to the next."""

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from seismic.kernels import accumulate, lists, visit
from seismic.kernels.best import room_for
from seismic.kernels.constants import BLOCK, GROUP
from seismic.kernels.topk import Known, TopK
from seismic.kernels.upper_bounds import make_bound_scratch
from seismic.query import QUERY_DIMENSION, Query
from seismic.vectors import SparseVectors

T = TypeVar("T", bound=np.generic)

MOST_TERMS = 1 << 10
"""Most components of a query that is written to arrays of a workspace."""


class Terms(NamedTuple):
    """Room for the components and values of a query: ``components`` uint32 and ``values`` float32 [MOST_TERMS] are
    read-only views, as kernels are compiled for, of what ``given`` writes."""

    components: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]
    given: tuple[memoryview, memoryview]

    def hold(self, components: Any, values: Any) -> bool:
        """Copy a query of two buffers of as many uint32 and float32; return False for others and for longer ones."""
        count = len(components)
        if not len(values) == count <= MOST_TERMS:
            return False
        try:
            self.given[0][:count], self.given[1][:count] = components, values
        except ValueError:  # another type
            return False
        return True


class Row(NamedTuple):
    """What a search of one query reads and writes. ``starts`` int64 [2]; ``indptr`` is a read-only view of it.

    ``numbers``, ``scores`` and ``counters`` are the rows of ``top``.
    """

    starts: npt.NDArray[np.int64]
    indptr: npt.NDArray[np.int64]
    known: Known
    top: TopK
    numbers: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    counters: npt.NDArray[np.int64]

    def holding(self, query: Query) -> SparseVectors:
        """Return a query as the only row of a batch, and set the counters to zero."""
        components, values = query.components, query.values
        self.starts[1], self.top.counters[:] = len(values), 0
        if components.dtype != np.uint32 or values.dtype != np.float32:
            return SparseVectors.trusted(self.indptr, components, values, QUERY_DIMENSION)
        components.flags.writeable = values.flags.writeable = False  # as kernels are compiled for
        return SparseVectors(self.indptr, components, values, QUERY_DIMENSION)


OWN_BOUNDS = ("upper_bounds", "group_maxima", "light_offsets", "light_weights", "superblocks")
"""Fields of `BoundScratch` that each of several shards needs until the end of a search."""


class _Own(NamedTuple):
    """The scratch arrays of one of several shards that are searched together; ``bounds`` by field of `BoundScratch`."""

    bounds: dict[str, npt.NDArray[Any]]
    candidates: npt.NDArray[np.uint32]
    codes: npt.NDArray[np.float32]


class Workspaces:
    """The scratch arrays of one thread, made when first needed."""

    def __init__(self) -> None:
        self._dimension, self._documents = 0, 0
        self._exact: visit.Workspace | None = None
        self._accumulate: accumulate.Workspace | None = None
        self._lists: lists.Workspace | None = None
        self._shards: dict[tuple[int, ...], list[_Own]] = {}
        self._row: Row | None = None
        self._terms: Terms | None = None
        self._flag = np.zeros(1, np.uint8)
        self.made = 0
        """How many times arrays of `for_exact` were made."""

    def fit(self, dimension: int, documents: int, flag: npt.NDArray[np.uint8]) -> None:
        """Make room for shards of up to `documents` documents. Searches end once `flag` uint8 [1] is set."""
        self._flag = flag
        if dimension != self._dimension or documents > self._documents:
            self._dimension, self._documents = dimension, documents
            self._exact = self._lists = None

    def for_exact(self, k: int) -> visit.Workspace:
        """Return scratch arrays for block bounds, scans and up to k hits."""
        if self._exact is None or len(self._exact.best.keys) < room_for(k, 1):
            self._exact, self.made = visit.make_exact_workspace(self._dimension, self._documents, k), self.made + 1
        if self._exact.stop is not self._flag:
            self._exact = self._exact._replace(stop=self._flag)
        return self._exact

    def for_shards(self, documents: tuple[int, ...], k: int) -> list[visit.Workspace]:
        """Return scratch arrays for shards that are searched together, by their numbers of documents.

        They share everything except upper bounds, what makes them up, and candidates, whose pages are used when needed.
        """
        whole, key = self.for_exact(k), (self._dimension, *documents)
        if key not in self._shards:
            self._shards = {key: [_make_own(self._dimension, count) for count in documents]}
        return [
            whole._replace(
                scratch=whole.scratch._replace(**own.bounds),
                candidates=own.candidates,
                codes=own.codes,
            )
            for own in self._shards[key]
        ]

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

    def for_terms(self) -> Terms:
        """Return room for one query."""
        if self._terms is None:
            components, values = np.zeros(MOST_TERMS, np.uint32), np.zeros(MOST_TERMS, np.float32)
            self._terms = Terms(_read_only(components), _read_only(values), (components.data, values.data))
        return self._terms

    def for_row(self, k: int) -> Row:
        """Return the arrays of a search of one query for k hits."""
        if self._row is None or len(self._row.scores) != k:
            self._row = _make_row(k)
        return self._row


def _make_own(dimension: int, documents: int) -> _Own:
    scratch = make_bound_scratch(dimension, -(-documents // (BLOCK * GROUP)))
    bounds = {name: getattr(scratch, name) for name in OWN_BOUNDS}
    return _Own(bounds, np.empty(documents, np.uint32), np.empty(documents, np.float32))


def _make_row(k: int) -> Row:
    top = TopK(np.empty((1, k), np.float32), np.empty((1, k), np.int64), np.empty((1, 4), np.int64))
    known = Known(np.zeros(1, np.float32), np.empty((1, 0), np.float32), k)
    starts = np.zeros(2, np.int64)
    return Row(starts, _read_only(starts), known, top, top.numbers[0], top.scores[0], top.counters[0])


def _read_only(array: npt.NDArray[T]) -> npt.NDArray[T]:
    view = array[:]
    view.flags.writeable = False
    return view
