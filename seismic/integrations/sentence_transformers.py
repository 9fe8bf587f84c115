"""Search in the form of sentence-transformers' own helpers, such as `semantic_search_qdrant`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from seismic.builder.build import build
from seismic.conversion.matrices import is_matrix
from seismic.errors import ParameterError, VectorError
from seismic.index import Index, open_index
from seismic.integrations.scratch import build_scratch
from seismic.vectors import as_vectors

Results: TypeAlias = list[list[dict[str, Any]]]
"""Hits of each query, best first: {"corpus_id": row of the corpus or id of the collection, "score": inner product}."""


def semantic_search_seismic(
    query_embeddings: Any,
    corpus_embeddings: Any = None,
    corpus_index: Index | str | Path | None = None,
    top_k: int = 10,
    output_index: bool = False,
    index_kwargs: Mapping[str, Any] | None = None,
    search_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Results, float] | tuple[Results, float, Index]:
    """Return the `top_k` documents of each query, the seconds of the search, and with `output_index` the index.

    Embeddings are what `SparseEncoder.encode` returns (a COO tensor or a list of them, one axis for one text), a CSR
    tensor, or what `SparseEncoder.decode` returns (lists of token and weight); both of the same kind. Either the corpus
    is given, or `corpus_index`: an index that an earlier call returned, or the folder of a collection.

    `index_kwargs`: arguments of `seismic.build`, such as `out`, the folder of the new collection. Without `out`, its
    files are removed with the index. `search_kwargs`: arguments of `Index.search_batch`. Raises ParameterError,
    VectorError or QueryError.
    """
    if (corpus_embeddings is None) == (corpus_index is None):
        found = "neither" if corpus_index is None else "both"
        raise ParameterError(f"found {found} of corpus_embeddings and corpus_index, expected one of them")
    if corpus_index is None:
        index = _built(corpus_embeddings, dict(index_kwargs or {}))
    elif index_kwargs:
        raise ParameterError("found index_kwargs with corpus_index, expected them with corpus_embeddings")
    else:
        index = corpus_index if isinstance(corpus_index, Index) else open_index(corpus_index)
    queries = _queries(query_embeddings, index)
    if index is not corpus_index and len(queries):  # loads the kernels, which the time should not include
        index.search_batch(queries[:1] if isinstance(queries, list) else queries.slice(0, 1), top_k)
    began = time.perf_counter()
    numbers, scores = index.search_batch(queries, top_k, **(search_kwargs or {}))
    seconds = time.perf_counter() - began
    results = [
        [{"corpus_id": id, "score": score} for id, score in zip(ids, row, strict=True) if id is not None]
        for ids, row in zip(index.document_ids(numbers), scores.tolist(), strict=True)
    ]
    return (results, seconds, index) if output_index else (results, seconds)


def _built(corpus: Any, options: dict[str, Any]) -> Index:
    """Build a collection and open it."""
    if _is_decoded(corpus):
        corpus = _rows(corpus)
        options.setdefault("vocabulary", sorted({token for row in corpus for token, _ in row}))
    if "out" not in options:
        return build_scratch(corpus, **options)
    build(corpus, **options)
    return open_index(options["out"])


def _queries(queries: Any, index: Index) -> Any:
    """Return queries for `Index.search_batch`. Raises VectorError if their components are not those of the index."""
    if _is_decoded(queries):
        return [{"tokens": dict(row)} for row in _rows(queries)]
    if getattr(queries, "ndim", None) == 1 and queries.shape[0] == 0:  # `encode` of no texts
        return []
    vectors = as_vectors(queries)
    if vectors.dimension != index.dimension:
        raise VectorError(
            f"found queries of dimension {vectors.dimension} for an index of dimension {index.dimension}, expected "
            "both by the same model, and both encoded or both decoded"
        )
    return vectors


def _is_decoded(embeddings: Any) -> bool:
    return isinstance(embeddings, list | tuple) and not any(is_matrix(row) for row in embeddings)


def _rows(decoded: Any) -> Any:
    """Return a list of rows; `decode` returns the row itself for one text."""
    one = len(decoded) > 0 and len(decoded[0]) > 0 and isinstance(decoded[0][0], str)
    return [decoded] if one else decoded
