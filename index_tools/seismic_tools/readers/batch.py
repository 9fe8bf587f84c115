"""Batches that readers yield, and rules that all formats share."""

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic import InputError, SparseVectors, VectorError
from seismic.documents.ids import find_repeat
from seismic_tools.readers.texts import Texts, is_text

BATCH_ROWS = 4096
BATCH_NNZ = 1 << 20
"""Maximum components per batch in formats with rows of any length; a longer row is a batch of its own."""

NO_DOCUMENTS = pa.table({})
DEEPEST = 48
"""Maximum nesting of metadata. Arrow files can hold 64 levels."""

BY_TOKEN = frozenset({"vector", "tokens"})
VECTOR_FIELDS = BY_TOKEN | {"indices", "values"}


class Tokens(dict[str, int]):
    """Token -> component. `growing`: an unknown token gets the next component; otherwise it is a KeyError."""

    def __init__(self, known: Iterable[str] = (), *, growing: bool = True) -> None:
        super().__init__((token, component) for component, token in enumerate(known))
        self.growing = growing

    def __missing__(self, token: str) -> int:
        if not self.growing:
            raise KeyError(token)
        component = self[token] = len(self)
        return component


class Reading(NamedTuple):
    """How to read vectors.

    `dimension`: None accepts any component; `repair`: as in SparseVectors; `skip`: rows to skip at the start of the
    file; `scratch`: folder for temporary files of formats that must be inverted (None: that of the system); `texts`
    encodes documents without a vector; `id_field`: name of the field with the id (None: `id` or `_id`); `ids`: ids of
    the rows of all files, for formats without ids.
    """

    tokens: Tokens
    dimension: int | None = None
    repair: bool = False
    skip: int = 0
    scratch: Path | None = None
    texts: Texts | None = None
    id_field: str | None = None
    ids: pa.Array | None = None


class Rows(NamedTuple):
    """Origin of the rows of a batch: `numbers` of lines (from 1) or rows (from 0) in `file`, or ids of a service."""

    file: Path | str
    unit: str
    numbers: Sequence[int | str]

    def place(self, row: int) -> str:
        """Return the origin of a row of the batch, as error messages name it."""
        return f"{self.file}, {self.unit} {self.numbers[row]}"

    def placed(self, error: VectorError) -> VectorError:
        """Return the error of a row of the batch with the origin of that row."""
        place = str(self.file) if error.row is None else self.place(error.row)
        return VectorError(error.problem, field=error.field, source=place)


class Batch(NamedTuple):
    """Rows of one file.

    ``documents``: `id`, optional `text`, and metadata columns; `NO_DOCUMENTS` for formats without ids, whose rows
    `read_collection` numbers. ``by_token``: whether vectors came as tokens; ``read``: share of the file read so far.
    """

    rows: Rows
    vectors: SparseVectors
    documents: pa.Table
    by_token: bool
    read: float


class BrokenFileError(Exception):
    """A violation of a file format; `readable` adds the file."""


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn the errors that libraries raise for a damaged file, and BrokenFileError, into InputError."""
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, zlib.error, BrokenFileError) as error:
        raise InputError(f"{path}: cannot be read as {kind}: {error}") from None


TO_ENCODE = "text"
"""Stands for the vector field of documents that are encoded."""


def vector_field(fields: Collection[str], texts: Texts | None, names: Collection[str]) -> str:
    """Return the one of `fields` with the vector, `indices`, `vector` or `tokens`, or TO_ENCODE. `names`: all fields.

    VectorError for several of them, or for none without an encoder.
    """
    found = VECTOR_FIELDS.intersection(fields)
    if texts and (not found or texts.replace_vectors(names)):
        return TO_ENCODE
    if found == {"indices", "values"}:
        return "indices"
    if found in ({"vector"}, {"tokens"}):
        return next(iter(found))
    names = " and ".join(sorted(found)) or "none of them, and no encoder for texts"
    raise VectorError(f"expected 'indices' and 'values', or 'vector', or 'tokens' (found {names})")


def token_vectors(
    starts: npt.NDArray[np.int64], components: npt.NDArray[Any], weights: npt.NDArray[Any], reading: Reading, field: str
) -> SparseVectors:
    """Return vectors of token maps, given as a CSR triple; sorts components, because maps have no order."""
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.argsort(rows << 32 | components)
    try:
        return SparseVectors.from_arrays(
            starts, components[order], weights[order], reading.dimension, repair=reading.repair
        )
    except VectorError as error:
        raise VectorError(error.problem, row=error.row, field=field) from None


def id_column(names: Collection[str], id_field: str | None) -> str:
    """Return the name of the field with the id: `id_field`, or else `id` or `_id`; VectorError if it is missing."""
    if id_field is None:
        name = "_id" if "id" not in names and "_id" in names else "id"
    elif id_field != "id" and "id" in names:
        raise VectorError(f"found 'id' in addition to --id-field {id_field}; rename or remove one of them", field="id")
    else:
        name = id_field
    if name not in names:
        raise VectorError(f"field is missing (found {', '.join(names) or 'no others'}); see --id-field", field=name)
    return name


def _depth(kind: pa.DataType) -> int:
    """Return how deep a type is nested; 0 for plain values. Stops beyond DEEPEST."""
    depth, level = 0, [kind]
    while (level := [one.field(at).type for one in level for at in range(one.num_fields)]) and depth <= DEEPEST:
        depth += 1
    return depth


def document_table(columns: Mapping[str, pa.Array], id_field: str | None = None) -> pa.Table:
    """Return documents from columns. `id` must be strings or integers without nulls, `text` must be strings."""
    name = id_column(columns, id_field)
    columns = {"id" if column == name else column: columns[column] for column in columns}
    for column, values in columns.items():
        if _depth(values.type) > DEEPEST:
            raise VectorError(f"nested more than {DEEPEST} deep, expected flatter metadata", field=column)
    ids = columns["id"]
    if ids.null_count:
        row = ids.is_null().to_pylist().index(True)
        raise VectorError("found null, expected a string or an integer", row=row, field="id")
    if not (is_text(ids.type) or pa.types.is_integer(ids.type)):
        raise VectorError(f"found {ids.type}, expected strings or integers", field="id")
    text = columns.get("text")
    if text is not None and not (is_text(text.type) or pa.types.is_null(text.type)):
        raise VectorError(f"found {text.type}, expected strings", field="text")
    return pa.table({**columns, "id": ids.cast(pa.string()) if is_text(ids.type) else ids})


def check_unique(ids: pa.ChunkedArray, places: Sequence[Rows]) -> None:
    """Raise VectorError for a repeated id; `places` has the origins of each batch."""
    repeat = find_repeat(ids)
    if repeat is None:
        return
    row, earlier = repeat
    ends = np.cumsum([len(rows.numbers) for rows in places])

    def place(row: int) -> str:
        part = int(np.searchsorted(ends, row, side="right"))
        return places[part].place(row - int(ends[part]))  # counted from the end of its batch

    raise VectorError(
        f"found id {ids[row].as_py()!r} again, first in {place(earlier)}; expected unique ids",
        field="id",
        source=place(row),
    )


def common_type(kind: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that can hold both: null < anything, int64 < double; pa.ArrowException if there is none."""
    schemas = [pa.schema([("", kind)]), pa.schema([("", other)])]
    return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
