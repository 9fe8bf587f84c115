"""Combine changes into their net effect on a view."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.records import Change, Columns, FieldPatch, Growth, Patch, Rules, Upsert, ids_of
from seismic.documents.widening import with_schema
from seismic.vectors import SparseVectors
from seismic.view.overlay import Combined, Source, combine_parts

DELETED = -1
"""In place of a row: the document is deleted."""


def combine(changes: Sequence[Change], rules: Rules, source: Source) -> Combined:
    """Return the net effect of changes, in their order, under the rules after them.

    `source` has what patches and changes of vectors keep.
    """
    of_documents = [change for change in changes if not isinstance(change, Columns | Growth)]
    if any(
        isinstance(change, Patch | FieldPatch) or (isinstance(change, Upsert) and change.keeps_payload)
        for change in of_documents
    ):
        return combine_parts(of_documents, rules, source)
    upserts = [change for change in of_documents if isinstance(change, Upsert)]
    ids = pa.concat_arrays([pa.array([], rules.schema.field("id").type), *map(ids_of, of_documents)])
    row, rows = 0, [np.zeros(0, np.int64)]  # rows of all upserts
    for change in of_documents:
        count = len(change.vectors) if isinstance(change, Upsert) else 0
        rows.append(np.arange(row, row + count) if count else np.full(len(ids_of(change)), DELETED))
        row += count
    last = dict(zip(ids.to_pylist(), np.concatenate(rows).tolist(), strict=True))
    final = np.sort(np.array([row for row in last.values() if row >= 0], np.int64))
    vectors = SparseVectors.concatenate([SparseVectors.from_dicts([], rules.dimension), *(u.vectors for u in upserts)])
    tables = (with_schema(upsert.documents, rules.schema) for upsert in upserts)
    documents = pa.concat_tables([rules.schema.empty_table(), *tables])
    if len(final) < len(vectors):
        documents, vectors = documents.take(pa.array(final)), reordered(vectors, final.astype(np.uint32))
    return Combined(pa.array(list(last), ids.type), vectors, documents)
