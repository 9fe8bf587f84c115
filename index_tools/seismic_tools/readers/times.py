"""Text columns as dates and times, so that filters can use ranges of them. JSON has no such types."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from seismic import ParameterError, VectorError
from seismic.filters.columns import is_time, per_second_of
from seismic.filters.instants import units_since_epoch
from seismic_tools.readers.batch import Batch, Rows
from seismic_tools.readers.texts import is_text

DATE, TIME = pa.date32(), pa.timestamp("us", "UTC")


def kinds_of(dates: str | None, times: str | None) -> dict[str, pa.DataType]:
    """Return column -> type from comma-separated options."""
    listed = ((dates, DATE), (times, TIME))
    return {name.strip(): kind for names, kind in listed if names is not None for name in names.split(",")}


def with_times(batches: Iterator[Batch], kinds: Mapping[str, pa.DataType], *, complete: bool = True) -> Iterator[Batch]:
    """Yield the batches with text in the columns `kinds` parsed as ISO 8601, in UTC by default.

    VectorError names file, row and field of other text. `complete`: ParameterError for a column that no batch has.
    """
    missing = list(kinds)
    for batch in batches:
        documents = batch.documents
        for at, name in enumerate(documents.column_names):
            if name in kinds:
                documents = documents.set_column(at, name, _read(documents[name], kinds[name], name, batch.rows))
        missing = [name for name in missing if name not in documents.column_names]
        yield batch._replace(documents=documents)
    if complete and missing:
        raise ParameterError(f"--dates, --times: found no column '{missing[0]}'")


def _read(column: pa.ChunkedArray, kind: pa.DataType, name: str, rows: Rows) -> pa.ChunkedArray | pa.Array:
    found = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if is_time(found):
        return column
    if not (is_text(found) or pa.types.is_null(found)):
        raise VectorError(f"found {found}, expected {kind} or text", field=name, source=str(rows.file))
    per_second = per_second_of(kind)
    assert per_second is not None
    counts = []
    for row, text in enumerate(column.to_pylist()):
        try:
            counts.append(None if text is None else units_since_epoch(text, per_second))
        except ValueError:
            problem = f"found {text!r}, expected {kind} in ISO 8601"
            raise VectorError(problem, field=name, source=rows.place(row)) from None
    return pa.array(counts, kind)
