"""Synthetic documents as a Parquet file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from index_tools.progress import Report
from seismic import SparseVectors
from seismic.store.schema import component_type


def write_documents(
    path: Path,
    batches: Iterable[SparseVectors],
    documents: int,
    dimension: int,
    about: dict[str, object],
    report: Report,
) -> int:
    """Write documents with ids "s0", "s1" and so on; how many components they have together.

    `about` goes into the file's metadata, as "synthetic".
    """
    lists = {"indices": component_type(dimension), "values": pa.float32()}
    fields = {name: pa.list_(pa.field("element", kind, nullable=False)) for name, kind in lists.items()}
    schema = pa.schema({"id": pa.string(), **fields}, {"synthetic": orjson.dumps(about)})
    options = {"compression": "zstd", "compression_level": 1, "use_dictionary": False}
    partial, done, nnz = path.with_name(f".{path.name}.partial"), 0, 0
    with pq.ParquetWriter(partial, schema, use_byte_stream_split=["values.list.element"], **options) as writer:
        for vectors in batches:
            offsets = pa.array(vectors.indptr.astype(np.int32))
            columns = [
                _ids(done, len(vectors)),
                *(
                    pa.ListArray.from_arrays(offsets, pa.array(children), type=fields[name])
                    for name, children in (("indices", vectors.components), ("values", vectors.values))
                ),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            done, nnz = done + len(vectors), nnz + vectors.nnz
            report("write", done, documents)
    partial.replace(path)
    return nnz


def _ids(first: int, count: int) -> pa.Array:
    numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
    return pc.binary_join_element_wise("s", numbers, "")
