"""BM25 as Lucene and bm25s (method "lucene") score: slow and obvious, in float64."""

import math
from collections import Counter
from collections.abc import Sequence


def scores(
    query: Sequence[str], documents: Sequence[Sequence[str]], k1: float, b: float, average: float
) -> list[float]:
    """Return the score of every document. `query` and `documents` are terms; a repeated term of the query counts."""
    frequency = Counter(term for document in documents for term in set(document))

    def idf(term: str) -> float:
        return math.log(1 + (len(documents) - frequency[term] + 0.5) / (frequency[term] + 0.5))

    found = []
    for document in documents:
        counts = Counter(document)
        norm = k1 * (1 - b + b * len(document) / average)
        found.append(sum(idf(term) * counts[term] / (counts[term] + norm) for term in query if counts[term]))
    return found
