"""A shard on disk: written once, opened by memory map."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from seismic.errors import CorruptIndexError
from seismic.kernels.score import Forward
from seismic.kernels.traverse import Lists
from seismic.store.files import map_batch, map_table
from seismic.store.manifest import ShardEntry
from seismic.store.schema import (
    DOCUMENTS,
    FORWARD,
    POSTINGS,
    SUMMARIES,
    forward_arrays,
    forward_schema,
    lists_arrays,
    postings_schema,
    summaries_schema,
)


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard, mapped: `forward` and `lists` are NumPy views of its files, `documents` an Arrow table (row = number)."""

    entry: ShardEntry
    forward: Forward
    lists: Lists
    documents: pa.Table

    def __len__(self) -> int:
        return self.entry.documents


def open_shard(generation: Path, entry: ShardEntry, dimension: int) -> Shard:
    """Map a shard's files; CorruptIndexError if one is missing, resized, or its offsets are out of bounds."""
    folder = generation / entry.folder
    for name in (DOCUMENTS, FORWARD, POSTINGS, SUMMARIES):
        if name not in entry.files:
            raise CorruptIndexError(f"{folder}: the manifest lists no {name}; build the index again")
    documents = map_table(folder / DOCUMENTS, entry.files[DOCUMENTS])
    forward = map_batch(folder / FORWARD, entry.files[FORWARD], forward_schema(dimension))
    postings = map_batch(folder / POSTINGS, entry.files[POSTINGS], postings_schema())
    summaries = map_batch(folder / SUMMARIES, entry.files[SUMMARIES], summaries_schema(dimension))
    for name, expected, found in (
        (DOCUMENTS, entry.documents, documents.num_rows),
        (FORWARD, entry.documents, forward.num_rows),
        (POSTINGS, dimension, postings.num_rows),
        (SUMMARIES, dimension, summaries.num_rows),
    ):
        if found != expected:
            raise CorruptIndexError(f"{folder / name}: found {found} rows, expected {expected}")
    return Shard(entry, forward_arrays(forward), lists_arrays(postings, summaries), documents)


def shard_ranges(documents: int, shards: int) -> Iterator[tuple[int, int]]:
    """Equal document ranges, the first ones longer by one where it does not divide."""
    for shard in range(shards):
        yield documents * shard // shards, documents * (shard + 1) // shards
