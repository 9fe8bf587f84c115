"""Objects without fields, which Parquet cannot hold: write nulls instead."""

from typing import Any

import pyarrow as pa


def empty_objects(schema: pa.Schema) -> list[str]:
    """Return the columns that hold objects which are empty in all rows, at any depth."""
    return [field.name for field in schema if with_nulls(pa.schema([field])) != pa.schema([field])]


def with_nulls(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the null type in place of structs without fields."""
    return pa.schema([field.with_type(_with_nulls(field.type)) for field in schema], metadata=schema.metadata)


def stored(documents: pa.Table, schema: pa.Schema) -> list[pa.Array | pa.ChunkedArray]:
    """Return the columns of documents in the types of a schema `with_nulls`."""
    return [
        column if column.type == kind else pa.array(map(_without_empty, column.to_pylist()), kind)
        for column, kind in zip(
            documents.columns, (schema.field(name).type for name in documents.column_names), strict=True
        )
    ]


def _with_nulls(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        return pa.struct([field.with_type(_with_nulls(field.type)) for field in fields]) if fields else pa.null()
    if pa.types.is_list(kind):
        return pa.list_(_with_nulls(kind.value_type))
    return kind


def _without_empty(value: Any) -> Any:
    """Return a value with None in place of empty objects."""
    if isinstance(value, dict):
        return {name: _without_empty(child) for name, child in value.items()} or None
    if isinstance(value, list):
        return [_without_empty(child) for child in value]
    return value
