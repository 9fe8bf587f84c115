"""TREC runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seismic import Index, InputError
from seismic.store.failures import file_errors

DIGITS = 9
"""Significant digits that identify a float32."""


class ScoredDoc(NamedTuple):
    """A hit of a run, as in ir_measures, which only evaluations need."""

    query_id: str
    doc_id: str
    score: float


def write_run(path: Path, run: Iterable[ScoredDoc], tag: str) -> None:
    """Write a TREC run. `run` is in order: queries one after another, each with its best document first.

    TREC tools sort by score, read it as float32, and break ties by id. The scores written therefore descend strictly:
    the score of a tie is the next smaller number.
    """
    with file_errors("write", path), path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(run, tag))


def _lines(run: Iterable[ScoredDoc], tag: str) -> Iterator[str]:
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


def check_words(index: Index) -> None:
    """Check the ids of all documents of an index as `check_word` does, in one pass over the column."""
    for shard in index.view.shards:
        ids = shard.shard.documents["id"]
        if pa.types.is_integer(ids.type):
            continue
        wrong = pc.filter(ids, pc.invert(pc.match_substring_regex(ids, r"^\S+$")))
        if len(wrong):
            check_word(wrong[0].as_py(), "document")
