"""Vectors that come by field: a mapping from name to vectors, or a table with two columns for each field."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.conversion.matrices import is_matrix
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, is_table, to_table
from seismic.errors import InputError
from seismic.vectors import SparseVectors, VectorsLike

FieldVectors: TypeAlias = Mapping[str, "VectorsLike"]
"""Field -> vectors, a row per document. A document without a vector of the field has an empty one."""

INDICES, VALUES = ".indices", ".values"
"""Ends of the names of a field's columns in a table."""


def is_by_field(vectors: Any) -> bool:
    """Return whether vectors are a mapping from field to vectors, rather than a table."""
    return isinstance(vectors, Mapping) and not is_matrix(vectors) and "indices" not in vectors


def split_fields(
    vectors: Any, documents: TableLike | None, names: Sequence[str]
) -> tuple[FieldVectors, TableLike | None]:
    """Return vectors by field, and the documents: the other columns, if vectors come in a table.

    Raises InputError for anything else, for unknown fields, and for documents that come twice.
    """
    if not is_by_field(vectors):
        if not is_table(vectors):
            raise InputError(
                f"found {excerpt(vectors)}, expected vectors by field, as the collection has the fields "
                f"{', '.join(names)}"
            )
        return _split_table(to_table(vectors, "vectors"), documents, names)
    for name in vectors:
        if name not in names:
            raise InputError(f"fields: found field {excerpt(name)}, expected {', '.join(names)}")
    return vectors, documents


def _split_table(
    table: pa.Table, documents: TableLike | None, names: Sequence[str]
) -> tuple[FieldVectors, TableLike | None]:
    found = {name: [f"{name}{end}" for end in (INDICES, VALUES)] for name in names}
    present = {name: pair for name, pair in found.items() if set(pair) & set(table.column_names)}
    if not present:
        raise InputError(f"vectors: found no column of the fields {', '.join(names)}, expected {found[names[0]]}")
    taken = [column for pair in present.values() for column in pair]
    if missing := [column for column in taken if column not in table.column_names]:
        raise InputError(f"vectors: found no column '{missing[0]}', expected it next to its counterpart")
    rest = table.drop_columns(taken)
    if documents is not None and rest.num_columns:
        columns = ", ".join(rest.column_names)
        raise InputError(f"vectors: found the columns {columns} and separate documents, expected only one of both")
    lists = {
        name: pa.table({"indices": _filled(table[pair[0]]), "values": _filled(table[pair[1]])})
        for name, pair in present.items()
    }
    if documents is None and rest.num_columns and "id" not in rest.column_names:
        rest = rest.add_column(0, "id", pa.array(np.arange(len(table))))
    return lists, rest if documents is None and rest.num_columns else documents


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with empty lists in place of nulls."""
    return pc.coalesce(column, pa.scalar([], column.type)) if column.null_count else column


def side_by_side(parts: Sequence[SparseVectors], dimension: int) -> SparseVectors:
    """Return vectors whose rows join the rows of all parts, which share no component."""
    lengths = np.array([np.diff(part.indptr) for part in parts], np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths.sum(axis=0))])
    before = indptr[:-1] + np.concatenate([np.zeros((1, lengths.shape[1]), np.int64), lengths.cumsum(axis=0)[:-1]])
    components = np.empty(indptr[-1], np.uint32)
    values = np.empty(indptr[-1], np.float32)
    for part, starts, own in zip(parts, before, lengths, strict=True):
        places = np.arange(part.nnz) + np.repeat(starts - part.indptr[:-1], own)
        components[places], values[places] = part.components, part.values
    return in_rows(indptr, components, values, dimension)


def in_rows(
    indptr: npt.NDArray[np.int64], components: npt.NDArray[Any], values: npt.NDArray[np.float32], dimension: int
) -> SparseVectors:
    """Return vectors with the components of each row in order."""
    falls = components[1:] <= components[:-1]
    inner = indptr[(indptr > 0) & (indptr < len(components))]
    falls[inner - 1] = False
    if falls.any():
        order = np.lexsort((components, np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))))
        components, values = components[order], values[order]
    return SparseVectors.trusted(indptr, components, values, dimension)
