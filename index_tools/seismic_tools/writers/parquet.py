"""Parquet: `id` and the other columns, then `indices` and `values`, or a map `vector` of tokens."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seismic import SparseVectors
from seismic_tools.writers.base import Writing
from seismic_tools.writers.empty import empty_objects, stored, with_nulls
from seismic_tools.writers.parts import Parts, list_columns


def write_parquet(path: Path, parts: Parts, writing: Writing) -> list[str]:
    """Write one row group per part. Tokens are written only if components number them in order of appearance.

    Objects that are empty in all rows become nulls: Parquet has no struct without fields.
    """
    names = pa.array(writing.tokens, pa.string()) if writing.numbered_here else None
    columns = _map_column if names is not None else lambda vectors, _: list_columns(vectors)
    found = parts.schema()
    schema, lost = with_nulls(found), empty_objects(found)
    for name, column in columns(SparseVectors.from_arrays([0], [], [], parts.dimension), names).items():
        schema = schema.append(pa.field(name, column.type))
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for vectors, documents in writing.chunks(parts):
            arrays = [*stored(documents, schema), *columns(vectors, names).values()]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return [f"Parquet cannot hold objects without fields: those of {', '.join(lost)} are nulls"] if lost else []


def _map_column(vectors: SparseVectors, names: pa.Array) -> dict[str, pa.Array]:
    offsets = pa.array(vectors.indptr, pa.int32())
    keys = names.take(pa.array(vectors.components))
    return {"vector": pa.MapArray.from_arrays(offsets, keys, pa.array(vectors.values))}
