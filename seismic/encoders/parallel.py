"""Encode many texts on several threads."""

from collections.abc import Callable, Sequence

import numpy as np

from seismic.conversion.numbers import as_count
from seismic.encoders.encoded import Encode, Encoded, as_texts
from seismic.threads import even_ranges, in_order
from seismic.vectors import SparseVectors

PART = 64
"""Texts per task. Texts of similar length are batched within a task; progress is reported after each."""


def encode_texts(
    encode: Encode, texts: Sequence[str], threads: int = 1, done: Callable[[int], None] | None = None
) -> Encoded:
    """Run `encode` on several threads; the result does not depend on their number.

    `done` is called with the number of texts after each task.
    """
    texts = as_texts(texts)
    threads = as_count("threads", threads)
    spans = even_ranges(len(texts), -(-len(texts) // PART)) if len(texts) else []
    parts = []
    for part in in_order(lambda span: encode(texts[slice(*span)]), spans, threads):
        parts.append(part)
        if done:
            done(len(part.cut))
    if len(parts) == 1:
        return parts[0]
    cut = np.concatenate([np.zeros(0, np.int64), *(part.cut for part in parts)])
    unknown = tuple(dict.fromkeys(term for part in parts for term in part.unknown))
    return Encoded(SparseVectors.concatenate([part.vectors for part in parts]), cut, unknown)
