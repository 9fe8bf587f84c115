"""TREC runs."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from seismic import Index
from seismic.store.failures import file_errors
from seismic_tools.terminal.trec import ScoredDoc, check_word, run_lines


def write_run(path: Path, run: Iterable[ScoredDoc], tag: str) -> None:
    """Write a TREC run. `run` is in order: queries one after another, each with its best document first.

    TREC tools sort by score, read it as float32, and break ties by id. The scores written therefore descend strictly:
    the score of a tie is the next smaller number.
    """
    with file_errors("write", path), path.open("w", encoding="utf-8") as file:
        file.writelines(run_lines(run, tag))


def check_words(index: Index) -> None:
    """Check the ids of all documents of an index as `check_word` does, in one pass over the column."""
    for shard in index.view.shards:
        ids = shard.shard.documents["id"]
        if pa.types.is_integer(ids.type):
            continue
        wrong = pc.filter(ids, pc.invert(pc.match_substring_regex(ids, r"^\S+$")))
        if len(wrong):
            check_word(wrong[0].as_py(), "document")
