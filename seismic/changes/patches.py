"""Patches: new values in some columns of documents that exist; their vectors and other columns stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

from seismic.changes.evolution import evolution
from seismic.changes.rules import Columns, Growth, Rules
from seismic.conversion.plain import excerpt
from seismic.conversion.tables import TableLike, to_table
from seismic.documents.casting import cast_column
from seismic.documents.table import check_documents
from seismic.errors import InputError, ParameterError
from seismic.fields.joined import JoinedVocabulary
from seismic.vectors import SparseVectors

DERIVED = ("seismic:payload", "seismic:keys")
"""Columns that a service derives from all others: a patch of others unsets them, as they would be out of date."""

MOST_BYTES = 1 << 30
"""Largest values of a patch that repeats them in many documents."""


class Patch(NamedTuple):
    """The column `id` and the new values of some columns; null unsets a value. Ids without a document are ignored."""

    documents: pa.Table


class FieldPatch(NamedTuple):
    """New vectors of some `fields` of documents; their other fields stay. Ids without a document are ignored.

    ``vectors`` have only components of these fields; ``documents`` only the column `id`.
    """

    vectors: SparseVectors
    documents: pa.Table
    fields: tuple[str, ...]


def check_field_patch(vectors: SparseVectors, table: pa.Table, fields: Iterable[str], rules: Rules) -> FieldPatch:
    """Return a patch of fields that follows the rules. Raises InputError."""
    fields, vocabulary = tuple(fields), rules.vocabulary
    known = [field.name for field in rules.fields]
    if not isinstance(vocabulary, JoinedVocabulary) or not set(fields) <= set(known):
        raise InputError(f"fields: found {', '.join(fields)}, expected fields of the collection ({', '.join(known)})")
    if vectors.dimension > rules.dimension:
        raise InputError(f"found components below {vectors.dimension}, expected below {rules.dimension}")
    others = np.isin(vocabulary.field_of[vectors.components], [known.index(name) for name in fields], invert=True)
    if others.any():
        name = known[vocabulary.field_of[vectors.components[others][0]]]
        raise InputError(f"fields: found a component of '{name}', expected only those of {', '.join(fields)}")
    ids = column_of(table, rules.schema.field("id"))
    documents = pa.Table.from_arrays([ids], schema=pa.schema([rules.schema.field("id")]))
    return FieldPatch(vectors.widened(rules.dimension), documents, fields)


def patch_changes(documents: pa.Table, rules: Rules) -> list[Columns | Growth | Patch]:
    """Return a patch after the changes of the rules that it needs. Raises InputError, which names row and field."""
    table = check_documents(documents, len(documents))
    if table.num_columns > 1 and DERIVED[0] not in table.column_names:
        for name in rules.schema.names:
            if name in DERIVED and name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table), rules.schema.field(name).type))
    needed = evolution(SparseVectors.from_dicts([], rules.dimension), table, rules)
    return [*needed, check_patch(table, rules.after(needed))]


def check_patch(table: pa.Table, rules: Rules) -> Patch:
    """Return a patch that follows the rules. Raises InputError, which names row and field."""
    for name in table.column_names:
        if name not in rules.schema.names:
            known = ", ".join(rules.schema.names)
            raise InputError(f"documents: found column '{name}', expected those of the collection ({known})")
    schema = pa.schema([rules.schema.field(name) for name in table.column_names])
    return Patch(pa.Table.from_arrays([column_of(table, field) for field in schema], schema=schema))


def column_of(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """Return a column of incoming documents in the type of the collection; nulls if they lack it.

    Raises InputError, which names row and field.
    """
    if field.name not in table.column_names:
        column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    else:
        column = cast_column(table[field.name], field, "documents")
    if column.null_count and not field.nullable:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InputError(f"documents: row {row}, field '{field.name}': found null, expected {field.type}")
    return column


def patch_tables(documents: TableLike) -> list[pa.Table]:
    """Return the documents of a patch as tables with the columns to set.

    Rows of a list may have different columns: those with the same ones make a table. Raises InputError.
    """
    rows = documents if isinstance(documents, list | tuple) else ()
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return [to_table(documents, "documents")]
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return [to_table(group, "documents") for group in groups.values()]


def ids_in_order(documents: TableLike, tables: Sequence[pa.Table]) -> pa.Table:
    """Return the ids of a patch in the order of its documents, as a table. `tables`: those of `patch_tables`."""
    if len(tables) == 1:
        return tables[0].select(["id"])
    return to_table([{"id": row["id"]} for row in cast("Sequence[Mapping[str, Any]]", documents)], "documents")


def values_of(values: Mapping[str, Any] | None, unset: Sequence[str]) -> dict[str, pa.Array]:
    """Return one value per column, null for those to unset. Raises InputError or ParameterError."""
    if not (values is None or isinstance(values, Mapping)):
        raise ParameterError(f"values is {excerpt(values)}, expected a mapping from column to value")
    if isinstance(unset, str) or not all(isinstance(name, str) for name in unset):
        raise ParameterError(f"unset is {excerpt(unset)}, expected a list of columns")
    both = [name for name in unset if values and name in values]
    if both:
        raise InputError(f"field '{both[0]}': found in values and in unset, expected only one of both")
    found: dict[str, pa.Array] = {name: pa.nulls(1) for name in unset}
    for name, value in (values or {}).items():
        if not isinstance(name, str) or name == "id":
            raise InputError(f"values: found the column {excerpt(name)}, expected payload columns")
        try:
            found[name] = value if isinstance(value, pa.Array) else pa.array([value])
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise InputError(
                f"field '{name}': found {excerpt(value)}, expected a value of a column ({error})"
            ) from None
    return found


def check_unset(unset: Sequence[str], rules: Rules) -> None:
    """Raise InputError for a column to unset that the collection does not have."""
    for name in unset:
        if name not in rules.schema.names or name == "id":
            known = ", ".join(rules.schema.names[1:]) or "none"
            raise InputError(f"unset: found column '{name}', expected payload columns of the collection ({known})")


def repeated(ids: pa.Array, values: Mapping[str, pa.Array]) -> pa.Table:
    """Return a table that has the same values for all ids. Raises InputError if it would be too large."""
    size = len(ids) * sum(value.nbytes for value in values.values())
    if size > MOST_BYTES:
        raise InputError(
            f"found {len(ids):,} documents to give {size:,} bytes of values, expected at most {MOST_BYTES:,}; patch "
            "fewer at a time"
        )
    rows = pa.array(np.zeros(len(ids), np.int64))
    return pa.table({"id": ids, **{name: value.take(rows) for name, value in values.items()}})
