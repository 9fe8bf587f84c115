"""Changes of documents that are stored as chunks."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from seismic.changes.records import Change, Delete, check_delete
from seismic.changes.rules import Rules
from seismic.edits.state import State
from seismic.encoders.chunks import PARENT

MOST_PARENTS = 1 << 15
"""Documents that are looked up together: a filter has a largest number of values."""


def is_chunked(rules: Rules) -> bool:
    """Return whether the collection cuts texts into chunks, so that an id may be that of a document with many."""
    return rules.encoder is not None and rules.encoder.chunks is not None


def deletions(ids: Sequence[Any] | pa.Array, rules: Rules, state: State) -> list[Change]:
    """Return the delete of documents by id; the id of a document that was cut is that of all its chunks."""
    delete = check_delete(ids, rules)
    return [Delete(with_chunks(delete.ids, rules, state))]


def with_chunks(ids: pa.Array, rules: Rules, state: State) -> pa.Array:
    """Return ids, and those of the chunks of the documents among them."""
    chunks = chunk_ids(ids, rules, state)
    return pa.concat_arrays([ids, chunks]).unique() if len(chunks) else ids


def stale_chunks(parents: pa.Array, fresh: pa.Array, rules: Rules, state: State) -> list[Change]:
    """Return the delete of the stored chunks of documents that are not among the `fresh` ids; nothing without any."""
    stored = chunk_ids(parents, rules, state)
    stale = stored.filter(pc.invert(pc.is_in(stored, fresh.cast(stored.type))))
    return [Delete(stale)] if len(stale) else []


def chunk_ids(parents: pa.Array, rules: Rules, state: State) -> pa.Array:
    """Return the ids of the stored chunks of documents, ascending."""
    kind = rules.schema.field("id").type
    if not is_chunked(rules) or PARENT not in rules.schema.names:
        return pa.array([], kind)
    names = pc.unique(parents.cast(pa.string())).to_pylist()
    found = [
        state.matching({"key": PARENT, "match": {"any": names[first : first + MOST_PARENTS]}})
        for first in range(0, len(names), MOST_PARENTS)
    ]
    return pa.concat_arrays([pa.array([], kind), *found])
