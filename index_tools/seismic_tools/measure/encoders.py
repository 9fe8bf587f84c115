"""List, check and time encoders."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seismic import Encoder, EncoderError, ParameterError, SparseVectors, encode_texts, load_encoder
from seismic.encoders.bm25 import NAME as BM25
from seismic.encoders.folder import BUNDLED, encoder_folders, find_folder, load_source
from seismic.encoders.pieces import Pieces
from seismic.encoders.source import Source, read_source

DOCUMENTS = (
    "The sun is a star. Light from its surface reaches the earth after about eight minutes, and drives the weather.",
    "Stem cells renew themselves and can become blood cells; signalling between neighbours decides which of them do.",
    "A library lends books, maps and recordings to its members, who return them after three weeks or renew the loan.",
    "Tides rise and fall twice a day, because the moon pulls at the oceans; storms add to the height of the water.",
)
QUERIES = "how long does sunlight travel", "which cells become blood", "renew a loan", "what causes tides"

MOST_COMPONENTS = 4_000
"""Components of a document above which a model was hardly trained for sparse vectors."""

LARGEST_DIFFERENCE = 0.02
"""Between a model's export in ONNX and its weights: conversions to 16 bits stay below."""


class Listed(NamedTuple):
    """An encoder that loads by its name, or the problem of its folder."""

    name: str
    folder: str
    bytes: int
    max_length: int | None
    documents: str
    queries: str
    problem: str | None = None


class Check(NamedTuple):
    """What an encoder makes of fixed texts."""

    name: str
    kind: str
    components: int
    max_length: int
    query_length: int | None
    query_prompt: str
    document_prompt: str
    document_components: float
    query_components: float
    largest: float
    examples: dict[str, str]
    problems: list[str]


class Timing(NamedTuple):
    """Time that an encoder takes."""

    name: str
    load_seconds: float
    documents_per_second: float
    queries_per_second: float
    pieces: float


def list_encoders() -> list[Listed]:
    """Return the encoders that load by name, of which the first of a name counts."""
    listed = {BM25: Listed(BM25, "", 0, None, "words", "idf")}
    for parent in (BUNDLED, *encoder_folders()):
        for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
            if folder.is_dir() and not folder.name.startswith((".", "__")):
                listed.setdefault(folder.name, _listed(folder))
    return list(listed.values())


def _listed(folder: Path) -> Listed:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    try:
        source = read_source(folder)
    except EncoderError as error:
        return Listed(folder.name, str(folder), size, None, "", "", str(error))
    documents, queries = ("model" if source.model else ""), ("weights" if source.weights else "model")
    return Listed(folder.name, str(folder), size, source.config.max_length, documents, queries)


def check_encoder(name: str) -> Check:
    """Encode fixed texts. Raises EncoderError for an encoder that cannot be loaded, or is BM25."""
    folder = _folder(name)
    source, encoder = read_source(folder), load_encoder(name)
    queries = encoder.encode_queries(QUERIES).vectors
    documents = encoder.encode_documents(DOCUMENTS).vectors if source.model else queries
    config = source.config
    kinds = "model in ONNX" if source.build is None and source.model else "model" if source.model else "weights"
    return Check(
        name=encoder.name,
        kind=f"{kinds}, queries by weights" if source.weights and source.model else kinds,
        components=len(encoder.vocabulary),
        max_length=config.max_length,
        query_length=config.query_length if source.weights else config.max_length,
        query_prompt=config.query_prompt,
        document_prompt=config.document_prompt,
        document_components=documents.nnz / len(documents),
        query_components=queries.nnz / len(queries),
        largest=float(documents.values.max(initial=0)),
        examples={text: _heaviest(encoder, queries, row) for row, text in enumerate(QUERIES)},
        problems=list(_problems(folder, source, encoder, documents, queries)),
    )


def time_encoder(name: str, texts: int, workers: int) -> Timing:
    """Time an encoder on documents of about 120 words and queries of 8. Raises EncoderError."""
    _folder(name)
    began = time.perf_counter()
    encoder = load_encoder(name)
    loaded = time.perf_counter() - began
    words = " ".join(DOCUMENTS).split()
    documents = [" ".join((words[row % 60 :] + words)[:120]) for row in range(texts)]
    queries = [" ".join(words[row % 60 :][:8]) for row in range(max(1, texts // 4))]
    encoder.encode_queries(queries[:1])
    began = time.perf_counter()
    encode_texts(encoder.encode_documents, documents, workers)
    middle = time.perf_counter()
    for query in queries:
        encoder.encode_queries([query])
    ended = time.perf_counter()
    pieces = _pieces(encoder, documents)
    return Timing(encoder.name, loaded, texts / (middle - began), len(queries) / (ended - middle), pieces)


def _folder(name: str) -> Path:
    if name == BM25:
        raise ParameterError(f"encoder is {BM25}, expected one with a model: {BM25} counts words of a collection")
    return find_folder(name)


def _pieces(encoder: Encoder, texts: list[str]) -> float:
    """Return how many word pieces the model reads of a text, on average."""
    source = read_source(find_folder(encoder.name))
    pieces = Pieces(source.tokenizer, source.config.max_length, source.config.lower_case)
    return float(np.mean([len(pieces.for_model(text).pieces) for text in texts]))


def _heaviest(encoder: Encoder, vectors: SparseVectors, row: int, most: int = 5) -> str:
    components, values = vectors[row]
    order = np.argsort(-values, kind="stable")[:most]
    tokens = encoder.vocabulary.tokens.take(components[order].astype(np.int64)).to_pylist()
    return ", ".join(f"{token} {value:.2f}" for token, value in zip(tokens, values[order], strict=True))


def _problems(
    folder: Path, source: Source, encoder: Encoder, documents: SparseVectors, queries: SparseVectors
) -> Iterator[str]:
    """Yield what looks wrong, and what to do about it."""
    components = len(encoder.vocabulary)
    if source.dimension not in (None, components):
        yield f"the model has {components:,} components, config.json says vocab_size {source.dimension:,}"
    for kind, vectors in (("document", documents), ("query", queries)):
        if empty := int((np.diff(vectors.indptr) == 0).sum()):
            yield f"{empty} of {len(vectors)} {kind} texts have empty vectors; the model may be damaged"
    average = documents.nnz / len(documents)
    if average > MOST_COMPONENTS:
        yield (
            f"documents have {average:,.0f} components on average, where sparse models have a few hundred; the model "
            "may not be trained for sparse vectors"
        )
    difference = _difference(folder, source, encoder)
    if difference is not None and difference > LARGEST_DIFFERENCE:
        yield (
            f"the export onnx/model.onnx and model.safetensors differ by up to {difference:.4g} in a weight; remove "
            "the one that is not the model"
        )


def _difference(folder: Path, source: Source, encoder: Encoder) -> float | None:
    """Return the largest difference between the vectors of an export and of the weights beside it, if both work."""
    if source.model is None or source.build is not None:
        return None
    try:
        other = read_source(folder, exports=False)
        if other.build is None:
            return None
        built = load_source(encoder.name, folder, other).encode_documents(DOCUMENTS).vectors
    except EncoderError:  # without weights, or of another network: the export is all there is
        return None
    own = encoder.encode_documents(DOCUMENTS).vectors
    return max(_largest_gap(own, built, row) for row in range(len(DOCUMENTS)))


def _largest_gap(one: SparseVectors, other: SparseVectors, row: int) -> float:
    gap = np.zeros(max(one.dimension, other.dimension), np.float32)
    gap[one[row][0]] = one[row][1]
    gap[other[row][0]] -= other[row][1]
    return float(np.abs(gap).max())
