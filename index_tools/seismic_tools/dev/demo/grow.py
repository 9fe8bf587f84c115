"""The documents of the demo: real abstracts, and mixtures of similar ones until there are enough."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seismic import SparseVectors
from seismic_tools.measure.synth.recipe import Recipe, fit

COPIES = 0.04
"""Share of near-copies among the mixtures."""

ROWS = 1 << 14
"""Documents written at a time."""


def grow(source: Path, out: Path, count: int, threads: int) -> int:
    """Write `count` documents to a Parquet file, those of `source` first; return the number of real ones.

    A mixture has the title of the abstract that it resembles most, behind a ≈, and no text. The column `grown` tells
    the two kinds apart.
    """
    real = pq.read_table(source)
    vectors = SparseVectors.from_arrow(real)
    columns = {"id": real["id"], "title": real["title"], "text": real["text"]}
    columns |= {"grown": pa.array(np.zeros(len(real), bool)), **_lists(vectors)}
    table = pa.table(columns)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    with pq.ParquetWriter(partial, table.schema, compression="zstd", compression_level=1) as writer:
        writer.write_table(table, ROWS)
        if count > len(real):
            recipe = fit(vectors, vectors.nnz / len(vectors), COPIES, 0, threads, lambda *_: None)
            _write_mixtures(writer, recipe, real["title"], count - len(real), threads)
    partial.replace(out)
    return len(table)


def _write_mixtures(
    writer: pq.ParquetWriter, recipe: Recipe, titles: pa.ChunkedArray, count: int, threads: int
) -> None:
    done = 0
    for batch in recipe.stream(0, count, threads):
        numbers = np.arange(done, done + len(batch))
        resembled = titles.take(pa.array(recipe.parents(done, done + len(batch)))).combine_chunks()
        columns = {
            "id": pc.binary_join_element_wise("grown", pa.array(numbers).cast(pa.string()), "-"),
            "title": pc.binary_join_element_wise("≈", resembled, " "),
            "text": pa.nulls(len(batch), pa.string()),
            "grown": pa.array(np.ones(len(batch), bool)),
            **_lists(batch),
        }
        writer.write_table(pa.table(columns, schema=writer.schema), ROWS)
        done += len(batch)


def _lists(vectors: SparseVectors) -> dict[str, pa.ListArray]:
    starts = pa.array(vectors.indptr.astype(np.int32))
    children = {"indices": vectors.components.astype(np.uint16), "values": vectors.values}
    return {name: pa.ListArray.from_arrays(starts, pa.array(values)) for name, values in children.items()}
