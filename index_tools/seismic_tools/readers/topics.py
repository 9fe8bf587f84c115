"""Pre-tokenised topics: texts of tokens in which a token is repeated as often as its weight, as Anserini has them."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from seismic import SparseVectors, VectorError, Vocabulary
from seismic.encoders import Encode, Encoded

ENOUGH = 3
"""Repetitions of the preceding word that no plain text has."""

SHARE = 0.5
"""Share of the texts that must look pre-tokenised."""


def encode_topics(vocabulary: Vocabulary) -> Encode:
    """Return an encoder that takes every word as a token and its count as its weight; unknown words match nothing."""
    known = {token: component for component, token in enumerate(vocabulary.tokens.to_pylist())}

    def encode(texts: Sequence[str]) -> Encoded:
        counted = (Counter(word for word in text.split() if word in known) for text in texts)
        dicts = [{known[word]: float(count) for word, count in counts.items()} for counts in counted]
        return Encoded(SparseVectors.from_dicts(dicts, len(known)), np.zeros(len(texts), np.int64))

    return encode


def check_plain(texts: Sequence[str]) -> None:
    """Raise VectorError if most texts look pre-tokenised: word pieces, repeated words, or numbers only."""
    rows = [row for row, text in enumerate(texts) if _is_tokenised(text)]
    if len(rows) > SHARE * len(texts):
        raise VectorError(
            f"found pre-tokenised topics such as {texts[rows[0]][:60]!r}, expected plain texts to encode; add --topics "
            "tokens to read every word as a token with its count as weight, or --topics text to encode them as texts",
            row=rows[0],
        )


def _is_tokenised(text: str) -> bool:
    words = text.split()
    repeated = sum(word == following for word, following in pairwise(words))
    numbers = len(words) >= ENOUGH and all(word.isdecimal() for word in words)
    return repeated >= ENOUGH or numbers or any(word.startswith("##") for word in words)
