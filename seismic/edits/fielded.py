"""Patches of the vectors of documents."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.builder.order import reordered
from seismic.changes.fielded import Origins, joined, split_vectors
from seismic.changes.patches import check_field_patch
from seismic.changes.records import Change, check_delete, upsert_changes
from seismic.changes.rules import Rules
from seismic.changes.updates import given_vectors
from seismic.conversion.plain import excerpt
from seismic.edits.state import State
from seismic.errors import InputError
from seismic.fields.vectors import is_by_field
from seismic.vectors import SparseVectors


class NewVectors(NamedTuple):
    """New vectors of a patch: those of `rows` of its documents, by field if they have names."""

    rows: npt.NDArray[np.int64]
    vectors: Any


def by_rows(vectors: Any, fields: Any, documents: int) -> list[NewVectors]:
    """Return the vectors that a patch gives, together for documents that get the same fields.

    A None in a list keeps a document's vector. Raises InputError.
    """
    lists = {"": vectors} if fields is None else fields
    if not (isinstance(lists, Mapping) and any(_has_none(one) for one in lists.values())):
        return [NewVectors(np.arange(documents), vectors if fields is None else fields)]
    for name, rows in lists.items():
        if not isinstance(rows, list | tuple):
            raise InputError(
                f"fields: found {excerpt(rows)} for '{name}', expected lists where one keeps vectors by None"
            )
        _check_rows(len(rows), documents)
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in range(documents):
        names = tuple(name for name, rows in lists.items() if rows[row] is not None)
        if names:
            groups.setdefault(names, []).append(row)
    found = []
    for names, chosen in groups.items():
        given = {name: [lists[name][row] for row in chosen] for name in names}
        found.append(NewVectors(np.array(chosen), given[""] if fields is None else given))
    return found


def _has_none(rows: Any) -> bool:
    return isinstance(rows, list | tuple) and any(row is None for row in rows)


def patched_vectors(given: NewVectors, ids: pa.Table, rules: Rules, state: State) -> tuple[list[Change], SparseVectors]:
    """Return the changes that give documents new vectors, and these vectors. Raises InputError.

    `ids`: a table with the column `id`. A vector without a name, and the only field of a collection, is replaced in
    documents that exist.
    """
    table = ids.take(pa.array(given.rows)) if len(given.rows) < len(ids) else ids
    if not rules.fields and is_by_field(given.vectors):
        raise InputError("fields: this collection has no named fields")
    split, _ = split_vectors(given.vectors, None, rules)
    if len(rules.fields) > 1:
        grown, vectors = joined(split, rules, Origins())
        _check_rows(len(vectors), len(table))
        return [*grown, check_field_patch(vectors, table, list(split), rules.after(grown))], vectors
    growth, vectors = given_vectors(split, rules, Origins())
    _check_rows(len(vectors), len(table))
    rows = np.flatnonzero(state.exist(check_delete(table["id"], rules).ids))
    if not len(rows):
        return [], vectors
    kept = reordered(vectors, rows.astype(np.uint32))
    return [*growth, *upsert_changes(kept, table.take(pa.array(rows)), rules.after(growth))], vectors


def _check_rows(vectors: int, documents: int) -> None:
    if vectors != documents:
        raise InputError(f"documents: found {documents} rows and {vectors} vectors, expected equal numbers")
