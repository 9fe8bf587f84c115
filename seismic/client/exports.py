"""Download an export to a file, which appears when it is complete."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import httpx2
import orjson

from seismic.client.calls import AsVector, export
from seismic.client.problems import error_of
from seismic.client.retries import TEMPORARY, TemporaryError
from seismic.errors import OutputExistsError, ParameterError

FORMATS = {".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Ending of a file name -> format."""


def export_path(
    collection: str,
    to: str | os.PathLike[str],
    filter: Mapping[str, Any] | None,
    columns: Sequence[str] | None,
    with_vector: AsVector,
    *,
    replace: bool,
) -> tuple[Path, str]:
    """Return the file to write, and the path and query of the request.

    Raises ParameterError for another ending, and OutputExistsError if the file exists and must not be replaced.
    """
    file = Path(to)
    format = next((found for ending, found in FORMATS.items() if file.name.lower().endswith(ending)), None)
    if format is None:
        raise ParameterError(f"{file}: cannot export to this format, expected a file name with {', '.join(FORMATS)}")
    if file.exists() and not replace:
        raise OutputExistsError(f"{file} exists; choose another name, or set replace")
    query: list[tuple[str, str]] = [("format", format), ("with_vector", str(with_vector).lower())]
    query += [("columns", name) for name in columns or ()]
    if filter is not None:
        query.append(("filter", orjson.dumps(filter).decode()))
    return file, export(collection, urlencode(query))


def check_status(response: httpx2.Response) -> None:
    """Raise the error of an answer that is a problem. Its content must have been read."""
    if response.status_code in TEMPORARY:
        raise TemporaryError(response)
    if response.is_error:
        raise error_of(response)


@contextmanager
def arriving(file: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name at the end of the block; a failure removes it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    unfinished = Path(name)
    try:
        unfinished.chmod(0o644)  # mkstemp's files are private
        with os.fdopen(descriptor, "wb") as sink:
            yield sink
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
