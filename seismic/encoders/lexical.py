"""BM25 as an encoder: it learns words and average length from documents, and query weights from a collection."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from seismic.conversion.plain import excerpt
from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.bm25 import NAME, Bm25, average_length, count_terms, restricted, saturated
from seismic.encoders.encoded import Encoded, as_texts
from seismic.encoders.words import VERSION
from seismic.errors import EncoderError, ParameterError
from seismic.vectors import MIN_VALUE, SparseVectors
from seismic.vocabulary import Vocabulary, inverse_document_frequency


class Fitted(NamedTuple):
    """BM25 for a corpus: ``encoder``, and the ``vectors`` of the documents it was fitted to."""

    encoder: Encoder
    vectors: SparseVectors


class TermCounter:
    """Counts the terms of documents with a growing vocabulary, for one thread. An encoder whose values are counts."""

    def __init__(self, params: Bm25) -> None:
        """Raises ParameterError for an unknown stemmer, EncoderError if it cannot run here."""
        self._params = params
        self._terms = params.terms(_no_component, 0)

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Return the term frequencies of texts. Earlier results may have a smaller dimension."""
        return Encoded(count_terms(texts, self._terms), np.zeros(len(texts), np.int64))

    def encoder(self, counts: SparseVectors) -> Encoder:
        """Return the encoder of a corpus with these term frequencies."""
        length = self._params.average_length or average_length(counts)
        params, vocabulary = self._params.replace(average_length=length), Vocabulary(list(self._terms.new))
        entry = EncoderEntry(name=NAME, hash=_hash(params), queries="idf", bm25=params)
        frequency = np.bincount(counts.components, minlength=len(vocabulary))
        return recorded_bm25(entry, vocabulary).by_idf(inverse_document_frequency(frequency, len(counts)))


def fit_bm25(texts: Iterable[str], params: Bm25 | None = None) -> Fitted:
    """Return BM25 with the words and the average length of these texts, and their vectors.

    Its own query weights are the inverse document frequencies of these texts; a collection uses its current ones.
    Raises InputError for anything other than text, ParameterError for an unknown stemmer.
    """
    if not (params is None or isinstance(params, Bm25)):
        raise ParameterError(f"params is {excerpt(params)}, expected Bm25")
    counter = TermCounter(params or Bm25())
    counts = counter(as_texts(texts)).vectors
    encoder = counter.encoder(counts)
    return Fitted(encoder, weighted(counts, encoder))


def weighted(counts: SparseVectors, encoder: Encoder) -> SparseVectors:
    """Return the vectors of documents with these term frequencies, by a BM25 encoder."""
    if encoder.entry.bm25 is None:
        raise ParameterError(f"encoder '{encoder.name}' does not count terms, expected {NAME}")
    return saturated(counts, encoder.entry.bm25)


def recorded_bm25(entry: EncoderEntry, vocabulary: Vocabulary) -> Encoder:
    """Return the encoder of a collection. Raises EncoderError if this release splits texts in another way."""
    params = entry.bm25
    if params is None or _hash(params) != entry.hash:
        raise EncoderError(
            f"encoder '{entry.name}': this release splits texts into words in another way than the one that built the "
            "collection; build the collection again"
        )
    documents = partial(_encode_documents, params, vocabulary)
    return Encoder(entry, vocabulary, partial(_QueryTerms, params, vocabulary), documents, _refuse_queries)


class _QueryTerms:
    """Encodes queries: a term weighs its `weights` float32 [components] times its frequency."""

    def __init__(self, params: Bm25, vocabulary: Vocabulary, weights: npt.NDArray[np.float32]) -> None:
        self._params, self._vocabulary, self._weights = params, vocabulary, weights

    def __call__(self, texts: Sequence[str]) -> Encoded:
        size = len(self._vocabulary)
        terms = self._params.terms(self._vocabulary.component, size)
        counts = count_terms(texts, terms)
        weights = np.concatenate([self._weights, np.zeros(len(terms.new), np.float32)])[counts.components]
        weighed = SparseVectors.trusted(counts.indptr, counts.components, counts.values * weights, counts.dimension)
        known = restricted(weighed, weighed.values >= MIN_VALUE, size)
        return Encoded(known, np.zeros(len(texts), np.int64), tuple(terms.new))


def _encode_documents(params: Bm25, vocabulary: Vocabulary, texts: Sequence[str]) -> Encoded:
    terms = params.terms(vocabulary.component, len(vocabulary))
    vectors = saturated(count_terms(texts, terms), params)
    known = restricted(vectors, vectors.components < len(vocabulary), len(vocabulary))
    return Encoded(known, np.zeros(len(texts), np.int64), tuple(terms.new))


def _refuse_queries(_: Sequence[str]) -> Encoded:
    raise EncoderError(f"encoder '{NAME}' weighs queries by the document frequencies of a collection; use its `by_idf`")


def _no_component(_: str) -> None:
    return None


def _hash(params: Bm25) -> str:
    return xxhash.xxh3_128_hexdigest(f"{VERSION} {params.model_dump_json()}".encode())
