"""Patches of the fields of documents."""

from typing import Any

import numpy as np
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.fielded import Origins, joined, split_vectors
from seismic.changes.patches import check_field_patch
from seismic.changes.records import Change, check_delete, upsert_changes
from seismic.changes.rules import Rules
from seismic.changes.updates import given_vectors
from seismic.documents.table import check_documents
from seismic.edits.state import State
from seismic.errors import InputError
from seismic.fields.vectors import FieldVectors


def patched_fields(fields: FieldVectors, table: pa.Table, rules: Rules, state: State) -> list[Change]:
    """Return the changes that give documents new vectors of some fields. Raises InputError.

    The only field of a collection is replaced as a vector is, in documents that exist.
    """
    table = check_documents(table, len(table))
    if not rules.fields:
        raise InputError("fields: this collection has no named fields")
    by_field, _ = split_vectors(fields, None, rules)
    if len(rules.fields) > 1:
        grown, vectors = joined(by_field, rules, Origins())
        _check_rows(len(vectors), table)
        after = rules.after(grown)
        return [*grown, check_field_patch(vectors, table.select(["id"]), list(by_field), after)]
    growth, vectors = given_vectors(by_field, rules, Origins())
    _check_rows(len(vectors), table)
    rows = np.flatnonzero(state.exist(check_delete(table["id"], rules).ids))
    if not len(rows):
        return []
    kept = reordered(vectors, rows.astype(np.uint32))
    ids: Any = table.select(["id"]).take(pa.array(rows))
    return [*growth, *upsert_changes(kept, ids, rules.after(growth))]


def _check_rows(vectors: int, table: pa.Table) -> None:
    if vectors != len(table):
        raise InputError(f"documents: found {len(table)} rows and {vectors} vectors, expected equal numbers")
