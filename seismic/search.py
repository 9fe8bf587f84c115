"""Searching an index: parse the query, choose a plan, search every shard, merge, map document numbers to ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from seismic.documents import Documents
from seismic.errors import CorruptIndexError, ParameterError
from seismic.kernels import exact, traverse
from seismic.params import SearchParams
from seismic.query import QUERY_DIMENSION, Query, QueryLike, known_components, parse_query
from seismic.store.files import map_batch
from seismic.store.manifest import Manifest, read_manifest
from seismic.store.publish import GENERATIONS, current_generation
from seismic.store.schema import VOCABULARY, vocabulary_schema
from seismic.store.shard import Shard, open_shard
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors, VectorsLike, as_vectors
from seismic.vocabulary import Vocabulary

QUERY_CUT, HEAP_FACTOR = 15, 0.6
EVERY_DOCUMENT = np.empty(0, np.uint8)
"""The kernels' `allowed` if any document may be returned."""

Plan = Literal["blocks", "exact"]

Arrays = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A document found: the user's id, its inner product with the query, its document number (row of the input)."""

    id: str | int
    score: float
    number: int


@dataclass(frozen=True, slots=True)
class SearchStats:
    """What a search did, over all shards: posting lists visited, blocks estimated and visited, documents scored."""

    lists: int
    blocks: int
    blocks_visited: int
    documents_scored: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; the plan that found them; `unknown`: components or tokens of the query the index lacks."""

    hits: list[Hit]
    plan: Plan
    stats: SearchStats
    unknown: tuple[int | str, ...]


class Index:
    """One generation of a collection, memory-mapped. Immutable, and safe to search from many threads.

    `open` makes one. Attributes: ``name`` (the collection's folder), ``generation``, ``manifest``, ``dimension``,
    ``vocabulary`` (or None), ``columns`` (payload columns). ``len(index)`` counts documents.
    """

    def __init__(
        self, collection: Path, manifest: Manifest, shards: list[Shard], vocabulary: Vocabulary | None
    ) -> None:
        self.name, self.manifest, self.vocabulary = collection.resolve().name, manifest, vocabulary
        self.generation, self.dimension = manifest.generation, manifest.dimension
        self._shards = shards
        self._largest = max(map(len, shards), default=0)
        self._documents = Documents([shard.documents for shard in shards])
        self.columns = self._documents.columns
        self._workspaces: list[_Workspaces] = []  # list.append and list.pop are atomic

    def search(self, query: QueryLike, k: int = 10, *, params: SearchParams | None = None) -> list[Hit]:
        """The k best documents for a query, best first; fewer if fewer share a component with it.

        `query`: {"indices": [...], "values": [...]}, {"tokens": {token: weight}}, or SparseVectors of one row. Ties
        go by document number. Raises QueryError or ParameterError.
        """
        return self.answer(query, k, params=params).hits

    def answer(self, query: QueryLike, k: int = 10, *, params: SearchParams | None = None) -> Answer:
        """`search`, with the plan, counters and unknown components."""
        params = params or SearchParams()
        parsed = parse_query(query, self.dimension, self.vocabulary)
        numbers, scores, counters = self._search(_one_row(parsed), self._check_k(k), params)
        found = numbers[0][numbers[0] >= 0].tolist()
        ids = self.document_ids(found)
        hits = [Hit(*hit) for hit in zip(ids, scores[0].tolist(), found, strict=False)]
        return Answer(hits, _plan(params), SearchStats(*counters.tolist()), parsed.unknown)

    def search_batch(
        self, queries: VectorsLike, k: int = 10, *, params: SearchParams | None = None, threads: int = 1
    ) -> Arrays:
        """(document numbers int64 [n, k], scores float32 [n, k]) of n queries, in their order; -1 and 0 pad.

        `queries`: SparseVectors, a scipy CSR matrix, or an Arrow table with `indices` and `values`. The GIL is
        released.
        """
        if threads < 1:
            raise ParameterError(f"threads is {threads}, expected at least 1")
        params, width = params or SearchParams(), self._check_k(k)
        vectors = known_components(as_vectors(queries), self.dimension)
        numbers, scores = np.full((len(vectors), k), -1, np.int64), np.zeros((len(vectors), k), np.float32)

        def task(span: tuple[int, int]) -> None:
            part = vectors.slice(*span)
            numbers[slice(*span), :width], scores[slice(*span), :width], _ = self._search(part, width, params)

        parts = 1 if threads == 1 else 8 * threads  # short ranges keep all threads busy to the end
        for _ in in_order(task, even_ranges(len(vectors), parts), threads):
            pass
        return numbers, scores

    def document_ids(self, numbers: Iterable[int]) -> list[Any]:
        """The users' ids (str or int) of document numbers; None for -1."""
        self._check_open()
        return self._documents.ids(numbers)

    def payloads(self, numbers: Iterable[int], columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Payloads of document numbers, as dicts; `columns` None: all. ParameterError for an unknown column."""
        self._check_open()
        return self._documents.payloads(numbers, columns)

    def warm_up(self) -> None:
        """Compile or load the kernels of every plan, so that the first query is as fast as the next."""
        query = Query(np.zeros(min(1, self.dimension), np.uint32), np.ones(min(1, self.dimension), np.float32))
        plans: tuple[Plan, ...] = ("exact",) if self.manifest.layout == "shared" else ("exact", "blocks")
        for plan in plans:
            self._search(_one_row(query), 1, SearchParams(plan=plan))

    def close(self) -> None:
        """Let go of the files; the index cannot be searched any more."""
        self._shards, self._workspaces = [], []
        self._documents = Documents([])

    def __len__(self) -> int:
        return self.manifest.documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({self.name!r}, generation {self.generation}, {len(self)} documents, dimension {self.dimension})"

    def _check_open(self) -> None:
        if not self._shards:
            raise ParameterError(f"index '{self.name}' is closed; open it again")

    def _check_k(self, k: int) -> int:
        if k < 1:
            raise ParameterError(f"k is {k}, expected at least 1")
        return min(k, len(self))

    def _search(
        self, queries: SparseVectors, k: int, params: SearchParams
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Search all shards and merge: (numbers [n, k], scores [n, k], counters [4])."""
        self._check_open()
        if _plan(params) == "blocks" and self.manifest.layout == "shared":
            raise ParameterError(
                f"plan 'blocks' visits posting lists, and index '{self.name}' has none; use 'exact', or build it with "
                "the layout 'lists'"
            )
        counters = np.zeros(4, np.int64)
        try:
            workspaces = self._workspaces.pop()
        except IndexError:
            workspaces = _Workspaces()
        try:
            parts = [self._search_shard(shard, queries, k, params, workspaces, counters) for shard in self._shards]
        finally:
            self._workspaces.append(workspaces)
        return *merge(parts, k), counters

    def _search_shard(
        self,
        shard: Shard,
        queries: SparseVectors,
        k: int,
        params: SearchParams,
        workspaces: "_Workspaces",
        counters: npt.NDArray[np.int64],
    ) -> Arrays:
        shape = (len(queries), min(k, len(shard)))
        numbers, scores = np.empty(shape, np.int64), np.empty(shape, np.float32)
        csr = (queries.indptr, queries.components, queries.values)
        if shard.lists is not None and _plan(params) == "blocks":
            cut, factor = params.query_cut or QUERY_CUT, params.heap_factor or HEAP_FACTOR
            room = min(cut * shard.entry.most_blocks, shard.entry.blocks)
            workspace = workspaces.for_blocks(self.dimension, self._largest, room)
            lists = (shard.lists.blocks, shard.lists.summaries)
            traverse.search_blocks_batch(*lists, shard.forward, *csr, cut, factor, workspace, scores, numbers, counters)
        else:
            space = workspaces.for_exact(self.dimension, self._largest)
            factor = params.heap_factor or 1.0
            exact.search_exact_batch(
                shard.maxima, shard.forward, *csr, factor, EVERY_DOCUMENT, space, scores, numbers, counters
            )
        numbers[numbers >= 0] += shard.entry.first_document
        return numbers, scores


class _Workspaces:
    """One thread's scratch arrays, made when first needed."""

    def __init__(self) -> None:
        self._exact: exact.Workspace | None = None
        self._blocks: traverse.Workspace | None = None

    def for_exact(self, dimension: int, documents: int) -> exact.Workspace:
        """For shards of up to so many documents."""
        if self._exact is None:
            self._exact = exact.make_exact_workspace(dimension, documents)
        return self._exact

    def for_blocks(self, dimension: int, documents: int, blocks: int) -> traverse.Workspace:
        """For searches that estimate up to so many blocks."""
        if self._blocks is None or len(self._blocks.estimates) < blocks:
            self._blocks = traverse.make_workspace(dimension, documents, blocks)
        return self._blocks


def open_index(path: str | Path) -> Index:
    """Open the current generation of a collection by memory map; its files are read as searches touch them.

    Raises IndexNotFoundError, FormatError or CorruptIndexError.
    """
    collection = Path(path)
    generation = collection / GENERATIONS / current_generation(collection)
    manifest = read_manifest(generation)
    if manifest.generation != generation.name:
        raise CorruptIndexError(f"{generation}: its manifest says generation {manifest.generation}")
    shards = [open_shard(generation, entry, manifest.layout, manifest.dimension) for entry in manifest.shards]
    vocabulary = None
    if manifest.vocabulary is not None:
        batch = map_batch(generation / VOCABULARY, manifest.vocabulary, vocabulary_schema())
        vocabulary = Vocabulary(batch.column("token"))
    return Index(collection, manifest, shards, vocabulary)


def merge(parts: Sequence[Arrays], k: int) -> Arrays:
    """The k best of several shards' (numbers, scores) [n, k_shard], by score, then number; -1 and 0 pad."""
    if len(parts) == 1:
        return parts[0]
    numbers, scores = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    order = np.lexsort((numbers, -scores), axis=1)[:, :k]  # pads score 0 and hits more
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _plan(params: SearchParams) -> Plan:
    return "exact" if params.plan == "auto" else params.plan


def _one_row(query: Query) -> SparseVectors:
    return SparseVectors.trusted(np.array([0, len(query.values)]), query.components, query.values, QUERY_DIMENSION)
