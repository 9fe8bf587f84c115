"""Encode without a model: every word piece has a fixed weight, independent of its context."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from seismic.encoders.config import Config
from seismic.encoders.encoded import Encoded
from seismic.encoders.pieces import Pieces, blank_rows
from seismic.errors import EncoderError
from seismic.lines import without_mark
from seismic.vectors import MAX_VALUE, MIN_VALUE, SparseVectors


class TokenWeights:
    """Weights each distinct piece of a text, as inference-free models encode queries.

    `weights`: float32 by piece; special pieces and those with a weight below 1e-15 are left out. With the `config` of
    an encoder, prompt, length, special pieces and the number of components are as it says; without, texts are not
    truncated. Geng et al., "Towards Competitive Search Relevance For Inference-Free Learned Sparse Retrievers", 2024.
    """

    def __init__(self, pieces: Pieces, weights: npt.NDArray[np.float32], config: Config | None = None) -> None:
        self._pieces = pieces
        self._weights = weights.copy()
        self._prompt = config.query_prompt if config else ""
        self._length = config.query_length if config else None
        self._most = config.max_active if config else None
        if config is None or not config.special_weights:
            self._weights[list(pieces.special)] = 0

    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Encode texts."""
        blank = blank_rows(texts)
        found = [
            [] if empty else self._pieces.bare(self._prompt + text) for empty, text in zip(blank, texts, strict=True)
        ]
        distinct = [np.unique(np.array(pieces[: self._length], np.int64)) for pieces in found]
        weighted = [self._heaviest(pieces[self._weights[pieces] >= MIN_VALUE]) for pieces in distinct]
        indptr = np.cumsum([0, *map(len, weighted)])
        components = np.concatenate([np.zeros(0, np.int64), *weighted])
        vectors = SparseVectors.trusted(indptr, components, self._weights[components], len(self._weights))
        cut = [max(0, len(pieces) - (self._length or len(pieces))) for pieces in found]
        return Encoded(vectors, np.array(cut, np.int64))

    def _heaviest(self, pieces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return pieces[heaviest(self._weights[pieces], self._most)]


def heaviest(values: npt.NDArray[np.float32], most: int | None) -> npt.NDArray[np.int64] | slice:
    """Return the places of the `most` largest values, ascending; of all values if it is None."""
    if most is None or len(values) <= most:
        return slice(None)
    return np.sort(np.argsort(-values, kind="stable")[:most])


def read_weights(path: Path, tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Read float32 [len(tokens)] from a JSON object of token to weight; 0 for missing tokens."""
    try:
        content = orjson.loads(without_mark(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError) as error:
        raise EncoderError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise EncoderError(f"{path}: found a JSON {type(content).__name__}, expected an object from token to weight")
    components = {token: component for component, token in enumerate(tokens)}
    weights = np.zeros(len(tokens), np.float32)
    for token, weight in content.items():
        if token not in components:
            raise EncoderError(f"{path}: found the token {token!r}, expected tokens of tokenizer.json")
        if type(weight) not in (int, float) or not 0 <= weight <= MAX_VALUE:
            raise EncoderError(f"{path}: found the weight {weight!r} of {token!r}, expected 0 to {MAX_VALUE:g}")
        weights[components[token]] = weight
    return weights
