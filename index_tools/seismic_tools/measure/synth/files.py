"""Synthetic documents as a Parquet file."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seismic import SparseVectors
from seismic.store.schema import component_type
from seismic_tools.terminal.progress import Report


def write_documents(
    path: Path,
    batches: Iterable[SparseVectors],
    numbers: range,
    dimension: int,
    about: dict[str, object],
    report: Report,
) -> None:
    """Write documents with the ids "s0", "s1", ... of `numbers`; `about` goes to the metadata, as "synthetic"."""
    lists = {"indices": component_type(dimension), "values": pa.float32()}
    fields = {name: pa.list_(pa.field("element", kind, nullable=False)) for name, kind in lists.items()}
    schema = pa.schema({"id": pa.string(), **fields}, {"synthetic": orjson.dumps(about)})
    options = {"compression": "zstd", "compression_level": 1, "use_dictionary": False}
    partial, done = path.with_name(f".{path.name}.partial"), 0
    with pq.ParquetWriter(partial, schema, use_byte_stream_split=["values.list.element"], **options) as writer:
        for vectors in batches:
            offsets = pa.array(vectors.indptr.astype(np.int32))
            columns = [
                _ids(numbers[done : done + len(vectors)]),
                *(
                    pa.ListArray.from_arrays(offsets, pa.array(children), type=fields[name])
                    for name, children in (("indices", vectors.components), ("values", vectors.values))
                ),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            done += len(vectors)
            report("write", done, len(numbers))
    partial.replace(path)


def _ids(numbers: range) -> pa.Array:
    return pc.binary_join_element_wise("s", pa.array(np.array(numbers)).cast(pa.string()), "")
