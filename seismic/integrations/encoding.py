"""Encode texts by the encoder of a collection, or by one of another library."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from seismic.conversion.matrices import is_matrix
from seismic.conversion.plain import excerpt
from seismic.encoders import Encoder, encode_texts, extend_bm25, load_encoder
from seismic.errors import ParameterError, VectorError

EncoderLike: TypeAlias = Any
"""An `Encoder`, its name or folder, or an object of another library that makes sparse vectors: a `SparseEncoder` of
sentence-transformers, or one with LangChain's `embed_documents` and `embed_query`."""

_METHODS = (("encode_document", "encode_query"), ("embed_documents", "embed_query"))


class Foreign(NamedTuple):
    """An encoder of another library."""

    encode_documents: Callable[[list[str]], Any]
    encode_query: Callable[[str], Any]


def as_encoder(encoder: EncoderLike) -> Encoder | Foreign:
    """Return an encoder of ours, or another library's. Raises ParameterError, EncoderError."""
    if isinstance(encoder, Encoder):
        return encoder
    if isinstance(encoder, str | Path):
        return load_encoder(encoder)
    for documents, query in _METHODS:
        if callable(getattr(encoder, documents, None)) and callable(getattr(encoder, query, None)):
            return Foreign(getattr(encoder, documents), getattr(encoder, query))
    raise ParameterError(
        f"encoder is {excerpt(encoder)}, expected an Encoder, its name or folder, or an object with `encode_document` "
        "and `encode_query`, or `embed_documents` and `embed_query`, that makes sparse vectors"
    )


def document_vectors(encoder: Encoder | Foreign, texts: Sequence[str]) -> tuple[Any, Encoder | None]:
    """Return vectors of documents, and the encoder they belong to; None for another library's. Raises VectorError."""
    if isinstance(encoder, Foreign):
        return sparse(encoder.encode_documents([*texts])), None
    if encoder.entry.bm25 is not None:
        return extend_bm25(encoder, texts)[::-1]
    return encode_texts(encoder.encode_documents, texts).vectors, encoder


def sparse(vectors: Any) -> Any:
    """Return sparse vectors of another library as the engine takes them. Raises VectorError for dense ones."""
    if is_matrix(vectors):
        if str(getattr(vectors, "layout", "")).startswith("torch.sparse") or hasattr(vectors, "tocsr"):
            return vectors
        raise VectorError(f"found a dense matrix of shape {tuple(vectors.shape)}, expected sparse vectors")
    return [sparse_vector(vector) for vector in vectors]


def sparse_vector(vector: Any) -> Any:
    """Return one sparse vector: an object with `indices` and `values`, or what the engine takes. Raises VectorError."""
    if isinstance(vector, list | tuple) and vector and isinstance(vector[0], float):
        raise VectorError(f"found a dense vector of {len(vector)} numbers, expected a sparse one")
    if hasattr(vector, "indices") and isinstance(getattr(vector, "values", None), Sequence):
        return {"indices": vector.indices, "values": vector.values}
    return vector
