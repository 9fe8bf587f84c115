"""Combine changes into their net effect on a view."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.records import Change, Columns, Delete, Growth, Rules, Upsert
from seismic.documents.widening import with_schema
from seismic.vectors import SparseVectors

Stored: TypeAlias = Callable[[pa.Array], tuple[npt.NDArray[np.bool_], pa.Table]]
"""From ids to which of them a view has, and the documents of those, in the columns of the rules."""

DELETED, KEPT = -1, -2
"""In place of a row: the document is deleted; its payload stays as it is."""


class Combined(NamedTuple):
    """``touched``: every id that the changes name; the final vectors and documents in the order of their last write."""

    touched: pa.Array
    vectors: SparseVectors
    documents: pa.Table


def combine(changes: Sequence[Change], rules: Rules, stored: Stored) -> Combined:
    """Return the net effect of changes, in their order, under the rules after them.

    `stored` gives the payload that changes of vectors keep.
    """
    of_documents = [change for change in changes if not isinstance(change, Columns | Growth)]
    upserts = [change for change in of_documents if isinstance(change, Upsert)]
    none = np.zeros(0, np.int64)
    ids = pa.concat_arrays([pa.array([], rules.schema.field("id").type), *map(_ids, of_documents)])
    row, rows, payload_rows = 0, [none], [none]  # rows of all upserts
    for change in of_documents:
        count = 0 if isinstance(change, Delete) else len(change.vectors)
        rows.append(np.arange(row, row + count) if count else np.full(len(_ids(change)), DELETED))
        keeps = isinstance(change, Upsert) and change.keeps_payload
        payload_rows.append(np.full(count, KEPT) if keeps else rows[-1])
        row += count
    names = ids.to_pylist()
    last = dict(zip(names, np.concatenate(rows).tolist(), strict=True))
    final = np.sort(np.array([row for row in last.values() if row >= 0], np.int64))
    vectors = SparseVectors.concatenate([SparseVectors.from_dicts([], rules.dimension), *(u.vectors for u in upserts)])
    documents = pa.concat_tables([rules.schema.empty_table(), *(_padded(upsert, rules) for upsert in upserts)])
    if any(upsert.keeps_payload for upsert in upserts):
        pairs = zip(names, np.concatenate(payload_rows).tolist(), strict=True)
        sources = {name: row for name, row in pairs if row != KEPT}
        documents = _with_payload(documents, final, sources, stored)
    elif len(final) < len(vectors):
        documents = documents.take(pa.array(final))
    if len(final) < len(vectors):
        vectors = reordered(vectors, final.astype(np.uint32))
    return Combined(pa.array(list(last), ids.type), vectors, documents)


def _with_payload(
    documents: pa.Table, final: npt.NDArray[np.int64], sources: dict[Any, int], stored: Stored
) -> pa.Table:
    """Return the final rows of `documents`, each with the payload of its source: a row, or else the stored one."""
    ids = documents["id"].combine_chunks().take(pa.array(final))
    wanted = np.array([sources.get(name, KEPT) for name in ids.to_pylist()], np.int64)
    rows = np.where(wanted >= 0, wanted, final)  # rows of vectors have no payload
    asked = np.flatnonzero(wanted == KEPT)
    present, found = stored(ids.take(pa.array(asked)))
    rows[asked[present]] = len(documents) + np.arange(len(found))
    chosen = pa.concat_tables([documents, found]).take(pa.array(rows))
    return chosen.set_column(0, documents.schema.field("id"), ids)


def _padded(upsert: Upsert, rules: Rules) -> pa.Table:
    """Return the documents of an upsert with all columns; nulls in those that it lacks."""
    return with_schema(upsert.documents, rules.schema)


def _ids(change: Upsert | Delete) -> pa.Array:
    return change.ids if isinstance(change, Delete) else change.documents["id"].combine_chunks()
