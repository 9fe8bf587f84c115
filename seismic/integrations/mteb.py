"""mteb: an index backend for its `SearchEncoderWrapper`."""

from collections.abc import Callable, Mapping
from typing import Any

from seismic.errors import InputError, ParameterError
from seismic.index import Index
from seismic.integrations.scratch import build_scratch
from seismic.query import QueryLike
from seismic.search.request import SearchRequest
from seismic.vectors import SparseVectors, as_vectors


class SeismicIndexBackend:
    """Search the sparse embeddings of a model; scores are inner products, like those of the model's `similarity`.

    `recall`: None is exact. `threads`: threads for the queries of a task. Raises VectorError for embeddings with
    negative values.
    """

    def __init__(self, *, recall: float | None = None, threads: int = 1) -> None:
        self.recall, self.threads = recall, threads
        self.clear()

    def clear(self) -> None:
        """Remove all documents."""
        self._parts: list[SparseVectors] = []
        self._ids: list[str] = []
        self._index: Index | None = None

    def add_documents(self, embeddings: Any, idxs: list[str]) -> None:
        """Add documents: embeddings [n, dimension], in any form that `seismic.build` takes, and their ids."""
        vectors = as_vectors(embeddings)
        if len(vectors) != len(idxs):
            raise InputError(f"found {len(vectors)} embeddings and {len(idxs)} ids, expected equal numbers")
        self._parts.append(vectors)
        self._ids += idxs
        self._index = None

    def search(
        self,
        embeddings: Any,
        top_k: int,
        similarity_fn: Callable[[Any, Any], Any],
        top_ranked: Mapping[str, list[str]] | None = None,
        query_idx_to_id: Mapping[int, str] | None = None,
    ) -> tuple[list[list[float]], list[list[int]]]:
        """Return the scores of the best documents of each query, and their positions in the order of `add_documents`.

        `top_ranked`: the candidates of each query, by its id in `query_idx_to_id`; positions are then among them.
        """
        index, queries = self._built(), as_vectors(embeddings)
        if top_ranked is not None:
            return self._reranked(index, queries, top_k, top_ranked, query_idx_to_id or {})
        numbers, scores = index.search_batch(queries, top_k, recall=self.recall, threads=self.threads)
        found = [row >= 0 for row in numbers]
        return (
            [row[kept].tolist() for row, kept in zip(scores, found, strict=True)],
            [row[kept].tolist() for row, kept in zip(numbers, found, strict=True)],
        )

    def _reranked(
        self,
        index: Index,
        queries: SparseVectors,
        top_k: int,
        top_ranked: Mapping[str, list[str]],
        names: Mapping[int, str],
    ) -> tuple[list[list[float]], list[list[int]]]:
        scores, positions = [], []
        number_of = {id: number for number, id in enumerate(self._ids)}
        for row in range(len(queries)):
            candidates = [number_of[id] for id in top_ranked[names[row]]]
            place = {number: position for position, number in enumerate(candidates)}
            components, values = queries[row]
            query: QueryLike = {"indices": components, "values": values}
            hits = index.ask(SearchRequest(query=query, limit=top_k, filter={"ids": candidates})).hits
            scores.append([hit.score for hit in hits])
            positions.append([place[hit.number] for hit in hits])
        return scores, positions

    def _built(self) -> Index:
        """Return the index of all documents."""
        if self._index is None:
            if not self._parts:
                raise ParameterError("found no documents; call add_documents first")
            self._index = build_scratch(SparseVectors.concatenate(self._parts))
        return self._index
