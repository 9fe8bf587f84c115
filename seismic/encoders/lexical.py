"""BM25 as an encoder: it learns words and average length from documents, and query weights from a collection."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from seismic.conversion.plain import excerpt
from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.bm25 import NAME, Bm25, average_length, saturated
from seismic.encoders.counting import TermFrequencies
from seismic.encoders.encoded import Encoded, as_texts
from seismic.encoders.places import NOWHERE, Place
from seismic.encoders.words import VERSION, Numbering, word_spans, words_of
from seismic.errors import EncoderError, ParameterError
from seismic.stop import current
from seismic.vectors import MIN_VALUE, SparseVectors, restricted
from seismic.vocabulary import Vocabulary, inverse_document_frequency

MEMO_WORDS = 1 << 16
"""Words of queries whose terms are remembered."""


class Fitted(NamedTuple):
    """BM25 for a corpus: ``encoder``, and the ``vectors`` of the documents it was fitted to."""

    encoder: Encoder
    vectors: SparseVectors


class TermCounter:
    """Counts the terms of documents with a growing vocabulary, for one thread. An encoder whose values are counts."""

    def __init__(self, params: Bm25) -> None:
        """Raises ParameterError for an unknown stemmer, EncoderError if it cannot run here."""
        self._params, self._numbering = params, Numbering(_no_component, 0)
        self._count = TermFrequencies(params.terms(self._numbering))

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Return the term frequencies of texts."""
        return Encoded(self._count(texts), np.zeros(len(texts), np.int64))

    def encoder(self, counts: SparseVectors) -> Encoder:
        """Return the encoder of a corpus with these term frequencies."""
        length = self._params.average_length or average_length(counts)
        params, vocabulary = self._params.replace(average_length=length), Vocabulary(list(self._numbering.new))
        entry = EncoderEntry(name=NAME, hash=_hash(params), queries="idf", bm25=params)
        frequency = np.bincount(counts.components, minlength=len(vocabulary))
        return recorded_bm25(entry, vocabulary).by_idf(inverse_document_frequency(frequency, len(counts)))


class GrowingEncoder:
    """Encodes documents by BM25 with every term that `number` numbers, for one thread."""

    def __init__(self, entry: EncoderEntry, number: Callable[[str], int]) -> None:
        self._params = _params_of(entry)
        self._count = TermFrequencies(self._params.terms(number))

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Encode texts."""
        vectors = saturated(self._count(texts), self._params)
        return Encoded(vectors, np.zeros(len(texts), np.int64))


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


def extend_bm25(encoder: Encoder, texts: Iterable[str]) -> Fitted:
    """Return a collection's BM25 with the new words of these texts at the end of its vocabulary, and their vectors.

    Its queries are refused: they need the frequencies of a collection. Raises InputError for anything other than text,
    ParameterError for another encoder.
    """
    if not isinstance(encoder, Encoder):
        raise ParameterError(f"encoder is {excerpt(encoder)}, expected an Encoder")
    numbering = Numbering(encoder.vocabulary.component, len(encoder.vocabulary))
    vectors = GrowingEncoder(encoder.entry, numbering)(as_texts(texts)).vectors
    vocabulary = Vocabulary([*encoder.vocabulary.tokens.to_pylist(), *numbering.new])
    return Fitted(recorded_bm25(encoder.entry, vocabulary), vectors.widened(len(vocabulary)))


def weighted(counts: SparseVectors, encoder: Encoder) -> SparseVectors:
    """Return the vectors of documents with these term frequencies, by a BM25 encoder."""
    return saturated(counts, _params_of(encoder.entry))


def encode_with_new(encoder: Encoder, texts: Sequence[str]) -> Encoded:
    """Encode documents by BM25, with new terms too: component len(vocabulary) + i is term i of ``unknown``."""
    numbering = Numbering(encoder.vocabulary.component, len(encoder.vocabulary))
    encoded = GrowingEncoder(encoder.entry, numbering)(texts)
    return encoded._replace(unknown=tuple(numbering.new))


def recorded_bm25(entry: EncoderEntry, vocabulary: Vocabulary) -> Encoder:
    """Return the encoder of a collection. Raises EncoderError if this release splits texts in another way."""
    params = entry.bm25
    if params is None or _hash(params) != entry.hash:
        raise EncoderError(
            f"encoder '{entry.name}': this release splits texts into words in another way than the one that built the "
            "collection; build the collection again"
        )
    documents = partial(_encode_documents, entry, vocabulary)
    locate = partial(_places, params, vocabulary)
    return Encoder(entry, vocabulary, partial(_QueryTerms, params, vocabulary), documents, _refuse_queries, locate)


class _QueryTerms:
    """Encodes queries: a term weighs its `weights` float32 [components] times its frequency. Safe to use from many
    threads."""

    def __init__(self, params: Bm25, vocabulary: Vocabulary, weights: npt.NDArray[np.float32]) -> None:
        self._params, self._vocabulary, self._weights = params, vocabulary, weights
        self._light = bool(len(weights)) and weights.min() < MIN_VALUE
        self._memo: dict[str, tuple[int, float, str]] = {}

    def __call__(self, texts: Sequence[str]) -> Encoded:
        components, values, ends, unknown = list[int](), list[float](), [0], list[str]()
        for text in texts:
            found = self._weigh(text, unknown)
            for component in sorted(found):
                components.append(component)
                values.append(found[component])
            ends.append(len(components))
        vectors = SparseVectors.trusted(
            np.array(ends), np.array(components, np.uint32), np.array(values, np.float32), len(self._vocabulary)
        )
        if self._light:
            vectors = restricted(vectors, vectors.values >= MIN_VALUE, vectors.dimension)
        return Encoded(vectors, np.zeros(len(texts), np.int64), tuple(dict.fromkeys(unknown)))

    def _weigh(self, text: str, unknown: list[str]) -> dict[int, float]:
        """Return component -> sum of weights, exact in float64; add terms that have no component to `unknown`."""
        current().check()
        found, memo = dict[int, float](), self._memo
        for word in words_of(text):
            component, weight, missing = memo.get(word) or self._remember(word)
            if component >= 0:
                found[component] = found.get(component, 0.0) + weight
            elif missing:
                unknown.append(missing)
        return found

    def _remember(self, word: str) -> tuple[int, float, str]:
        """Return the component and weight of a word's term; -1 with the term if it is unknown, or "" for stop words."""
        numbering = Numbering(self._vocabulary.component, len(self._vocabulary))
        number = self._params.terms(numbering)(word)
        if numbering.new:
            term = -1, 0.0, next(iter(numbering.new))
        else:
            term = number, float(self._weights[number]) if number >= 0 else 0.0, ""
        if len(self._memo) >= MEMO_WORDS:
            self._memo.clear()
        self._memo[word] = term
        return term


def _encode_documents(entry: EncoderEntry, vocabulary: Vocabulary, texts: Sequence[str]) -> Encoded:
    numbering = Numbering(vocabulary.component, len(vocabulary))
    encoded = GrowingEncoder(entry, numbering)(texts)
    known = restricted(encoded.vectors, encoded.vectors.components < len(vocabulary), len(vocabulary))
    return Encoded(known, encoded.cut, tuple(numbering.new))


def located_words(vocabulary: Vocabulary, text: str) -> list[Place]:
    """Return the words of a text that are tokens of a vocabulary."""
    return _places(Bm25(), vocabulary, text)


def _places(params: Bm25, vocabulary: Vocabulary, text: str) -> list[Place]:
    """Return the words of a text and the components of their terms."""
    current().check()
    terms = params.terms(partial(_component_or_nowhere, vocabulary))
    places = []
    for start, end in word_spans(text):
        components = [terms(word) for word in words_of(text[start:end])]
        places.append(Place(next((one for one in components if one != NOWHERE), NOWHERE), start, end))
    return places


def _component_or_nowhere(vocabulary: Vocabulary, term: str) -> int:
    component = vocabulary.component(term)
    return NOWHERE if component is None else component


def _params_of(entry: EncoderEntry) -> Bm25:
    if entry.bm25 is None:
        raise ParameterError(f"encoder '{entry.name}' does not count terms, expected {NAME}")
    return entry.bm25


def _refuse_queries(_: Sequence[str]) -> Encoded:
    raise EncoderError(f"encoder '{NAME}' weighs queries by the document frequencies of a collection; use its `by_idf`")


def _no_component(_: str) -> None:
    return None


def _hash(params: Bm25) -> str:
    return xxhash.xxh3_128_hexdigest(f"{VERSION} {params.model_dump_json()}".encode())
