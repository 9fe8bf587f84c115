"""Lines of TREC runs."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from seismic import InputError

DIGITS = 9
"""Significant digits that identify a float32."""


class ScoredDoc(NamedTuple):
    """A hit of a run, as in ir_measures, which only evaluations need."""

    query_id: str
    doc_id: str
    score: float


def run_lines(run: Iterable[ScoredDoc], tag: str) -> Iterator[str]:
    """Yield the lines of a run, whose scores descend strictly within each query."""
    query, rank, before = None, 0, np.float32(np.inf)
    for hit in run:
        if hit.query_id != query:
            query, rank, before = hit.query_id, 0, np.float32(np.inf)
        check_word(hit.query_id, "query")
        check_word(hit.doc_id, "document")
        rank += 1
        before = min(np.float32(hit.score), np.nextafter(before, np.float32(-np.inf)))
        yield f"{query} Q0 {hit.doc_id} {rank} {before:.{DIGITS}g} {tag}\n"


def check_word(identity: str, kind: str) -> None:
    """Raise InputError for an id that a TREC run cannot hold."""
    if len(identity.split()) != 1:
        raise InputError(f"{kind} id {identity!r}: expected one word without blanks, as TREC runs need it")
