"""`seismic encode`: encode texts into sparse vectors."""

from functools import partial
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from seismic import OutputExistsError, ParameterError, StorageError, load_encoder
from seismic.store.failures import file_errors
from seismic_tools.readers import TEXT, Collection, Reading, Texts, Tokens, collect, field_names, read_collection
from seismic_tools.terminal.progress import progress

app = typer.Typer(add_completion=False)

ROWS = 1 << 14
"""Documents per row group."""


@app.command()
def encode(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", help=".parquet, .arrow, .feather, .jsonl[.gz] and .tsv[.gz], or folders."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Parquet file to write.")],
    encoder: Annotated[str, typer.Option(help="Encoder: splade-tiny, or ./FOLDER.")] = "splade-tiny",
    text_fields: Annotated[str, typer.Option(help="Columns to join and encode, separated by commas.")] = ",".join(TEXT),
    id_field: Annotated[
        str | None, typer.Option(help="Field with the id of a document.", show_default="id, or _id")
    ] = None,
    queries: Annotated[bool, typer.Option("--queries", help="Encode as queries instead of documents.")] = False,
    workers: Annotated[int, typer.Option(help="Threads. The result does not depend on their number.")] = 1,
) -> None:
    """Encode texts into sparse vectors.

    Writes the columns of the input plus `indices` and `values`, which
    `seismic build` and `seismic evaluate` read. Existing vectors are replaced.

    Examples:

        seismic encode corpus.jsonl documents.parquet --text-fields title,text

        seismic encode queries.tsv queries.parquet --queries
    """
    if out.exists():
        raise OutputExistsError(f"{out} exists; choose another file")
    own = load_encoder(encoder)
    if own.entry.bm25 is not None:
        raise ParameterError(
            f"--encoder {encoder}: its vectors depend on all documents of a collection; use seismic build --encoder "
            f"{encoder}"
        )
    with progress() as report:
        texts = Texts(
            own.encode_queries if queries else own.encode_documents,
            field_names(text_fields),
            threads=workers,
            always=True,
            report=report,
        )
        reading = Reading(Tokens(), len(own.vocabulary), texts=texts, id_field=id_field)
        with collect(
            read_collection(inputs, reading, partial(report, "read"), role="queries" if queries else "corpus"),
            beside=out,
        ) as collection:
            _write(out, collection)
    typer.echo(texts)


def _write(path: Path, collection: Collection) -> None:
    """Write one row group at a time, because the collection may exceed the memory."""
    writer: pq.ParquetWriter | None = None
    try:
        with file_errors("write", path):
            for first in range(0, len(collection.vectors), ROWS):
                vectors = collection.vectors.slice(first, min(first + ROWS, len(collection.vectors)))
                table = collection.documents.slice(first, ROWS)
                for name, values in (("indices", vectors.components), ("values", vectors.values)):
                    table = table.append_column(name, pa.LargeListArray.from_arrays(vectors.indptr, values))
                writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
                writer.write_table(table)
            if writer:
                writer.close()
    except StorageError:
        path.unlink(missing_ok=True)
        raise
