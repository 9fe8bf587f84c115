"""Encoding without a model: every word piece of a text has one weight, whatever stands beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from seismic.encoders.encoded import Encoded
from seismic.encoders.pieces import Pieces
from seismic.errors import EncoderError
from seismic.vectors import MAX_VALUE, MIN_VALUE, SparseVectors


class TokenWeights:
    """Each distinct piece of a text with its weight, as inference-free models encode queries (Geng et al., "Towards
    Competitive Search Relevance For Inference-Free Learned Sparse Retrievers", 2024). Nothing is cut.

    `weights`: float32 by piece; pieces of a weight below 1e-15, and special ones, are left out.
    """

    def __init__(self, pieces: Pieces, weights: npt.NDArray[np.float32]) -> None:
        self._pieces = pieces
        self._weights = weights.copy()
        self._weights[list(pieces.special)] = 0

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """The texts' vectors."""
        found = [np.unique(np.array(self._pieces.bare(text), np.int64)) for text in texts]
        kept = [pieces[self._weights[pieces] >= MIN_VALUE] for pieces in found]
        indptr = np.cumsum([0, *map(len, kept)])
        components = np.concatenate([np.zeros(0, np.int64), *kept])
        vectors = SparseVectors.trusted(indptr, components, self._weights[components], len(self._weights))
        return Encoded(vectors, np.zeros(len(texts), np.int64))


def read_weights(path: Path, tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """float32 [len(tokens)]: the weights in a JSON object from token to weight, 0 for a token that is not there."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise EncoderError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise EncoderError(f"{path}: found a JSON {type(content).__name__}, expected an object from token to weight")
    components = {token: component for component, token in enumerate(tokens)}
    weights = np.zeros(len(tokens), np.float32)
    for token, weight in content.items():
        if token not in components:
            raise EncoderError(f"{path}: found {token!r}, expected tokens of the tokenizer beside it")
        if type(weight) not in (int, float) or not 0 <= weight <= MAX_VALUE:
            raise EncoderError(f"{path}: found {weight!r} as weight of {token!r}, expected 0 to {MAX_VALUE:g}")
        weights[components[token]] = weight
    return weights
