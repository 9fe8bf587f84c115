"""Parts of a conversion: input read so far, kept beside the output until that is complete, for resuming."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from seismic import CorruptIndexError, InputError, LockedError, OutputExistsError, SparseVectors
from seismic.store.failures import file_errors
from seismic.store.files import fsync
from seismic.store.lock import exclusive
from seismic_tools.readers import BEGINNING, Batch, Rows, Start, Tokens

JOB, LOCK = "job.json", "LOCK"
ENOUGH = 1 << 26
"""Bytes per part: the input that is read again after an interruption, and the memory that writers need."""

_INFO = b"seismic"


class Info(NamedTuple):
    """A part: the number of its input file, its first row there, its number of rows and their unit in messages; whether
    vectors came as tokens; their dimension and nnz; the tokens that first appear in it."""

    file: int
    row: int
    rows: int
    unit: str
    by_token: bool
    dimension: int
    nnz: int
    tokens: list[str]


class Chunk(NamedTuple):
    """Rows of one part: their vectors, and `id` and other columns in the common types of all parts."""

    vectors: SparseVectors
    documents: pa.Table


class Parts:
    """The parts in a folder, in order: `add` batches, `finish`, then iterate over chunks."""

    def __init__(self, folder: Path, files: Sequence[Path | str], tokens: Tokens) -> None:
        """`files`: inputs, or a service's address; `tokens`: those known, extended by those of the parts."""
        self.folder, self.files, self.tokens = folder, files, tokens
        self.infos: list[Info] = []
        while (path := self._path(len(self.infos))).exists():
            self.infos.append(_read_info(path))
            for token in self.infos[-1].tokens:
                _ = tokens[token]  # numbers it
        self._named = len(tokens)
        self._waiting: list[Batch] = []
        self._size = 0

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.arrow"

    @property
    def rows(self) -> int:
        """Number of rows of all parts."""
        return sum(info.rows for info in self.infos)

    @property
    def nnz(self) -> int:
        """Number of components of all parts."""
        return sum(info.nnz for info in self.infos)

    @property
    def dimension(self) -> int:
        """The largest dimension of a part."""
        return max((info.dimension for info in self.infos), default=0)

    @property
    def by_token(self) -> bool:
        """Whether vectors came as tokens."""
        return any(info.by_token for info in self.infos)

    def start(self) -> Start:
        """Return the place where reading continues."""
        if not self.infos:
            return BEGINNING
        last = self.infos[-1]
        ended = [number for number, info in enumerate(self.infos) if info.file == self.infos[0].file][-1]
        return Start(last.file, last.row + last.rows, self.rows, self._without_rows(ended))

    def _without_rows(self, number: int) -> Batch:
        """Return an empty batch with the columns of a part, for comparison with other files."""
        info = self.infos[number]
        rows = Rows(self.files[info.file], info.unit, range(0))
        return Batch(rows, SparseVectors.from_dicts([]), self._schema(number).empty_table(), info.by_token, 1.0)

    def add(self, batch: Batch) -> None:
        """Add a batch."""
        if self._waiting:
            before = self._waiting[-1]
            if before.rows.file != batch.rows.file or before.documents.schema != batch.documents.schema:
                self.finish()
        self._waiting.append(batch)
        self._size += batch.vectors.nbytes + batch.documents.nbytes
        if self._size >= ENOUGH:
            self.finish()

    def finish(self) -> None:
        """Write the pending batches as a part."""
        if not self._waiting:
            return
        vectors = SparseVectors.concatenate(batch.vectors for batch in self._waiting)
        documents = pa.concat_tables([batch.documents for batch in self._waiting])
        info = self._describe(self._waiting[0], vectors)
        columns = {**dict(zip(documents.column_names, documents.columns, strict=True)), **list_columns(vectors)}
        table = pa.table(columns).replace_schema_metadata({_INFO: orjson.dumps(info._asdict())})
        path = self._path(len(self.infos))
        with pa.ipc.new_file(str(path.with_suffix(".tmp")), table.schema) as writer:
            writer.write_table(table)
        put_in_place(path.with_suffix(".tmp"), path)
        self.infos.append(info)
        self._named += len(info.tokens)
        self._waiting, self._size = [], 0

    def _describe(self, batch: Batch, vectors: SparseVectors) -> Info:
        file, row = self.files.index(batch.rows.file), 0
        if self.infos and self.infos[-1].file == file:
            row = self.infos[-1].row + self.infos[-1].rows
        tokens = list(islice(self.tokens, self._named, None))
        return Info(file, row, len(vectors), batch.rows.unit, batch.by_token, vectors.dimension, vectors.nnz, tokens)

    def schema(self) -> pa.Schema:
        """Return the columns of the documents in the common types of all parts; InputError if there are none."""
        try:
            schemas = [self._schema(number) for number in range(len(self.infos))]
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"metadata columns have types that cannot be combined: {error}") from None

    def _schema(self, number: int) -> pa.Schema:
        with pa.memory_map(str(self._path(number))) as raw, pa.ipc.open_file(raw) as file:
            fields = [field for field in file.schema if field.name not in ("indices", "values")]
            return pa.schema(fields)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the rows of each part."""
        schema, dimension = self.schema(), self.dimension
        for number in range(len(self.infos)):
            with pa.memory_map(str(self._path(number))) as raw, pa.ipc.open_file(raw) as file:
                table = file.read_all()
            documents = table.drop(["indices", "values"])
            try:
                documents = pa.concat_tables([schema.empty_table(), documents], promote_options="permissive")
            except pa.ArrowException as error:
                raise InputError(f"metadata columns have types that cannot be combined: {error}") from None
            yield Chunk(SparseVectors.from_arrow(table, dimension), documents)


def list_columns(vectors: SparseVectors) -> dict[str, pa.Array]:
    """Return vectors as the list columns `indices` and `values`."""
    offsets = pa.array(vectors.indptr, pa.int32())
    return {
        "indices": pa.ListArray.from_arrays(offsets, pa.array(vectors.components)),
        "values": pa.ListArray.from_arrays(offsets, pa.array(vectors.values)),
    }


@contextmanager
def kept_parts(
    out: Path, job: Mapping[str, Any], files: Sequence[Path | str], tokens: Tokens, *, resume: bool, keep: bool = True
) -> Iterator[Parts]:
    """Yield the parts of a conversion to `out`, in a folder beside it.

    The folder is removed at the end and for wrong input. It stays if the conversion is interrupted and a part is
    finished, unless `keep` is False. `job` describes the inputs and options. Raises OutputExistsError for existing
    parts without `resume` or of another job, LockedError, and StorageError if the folder cannot be written.
    """
    folder = out.with_name(f".{out.name}.parts")
    if folder.exists() and not resume:
        advice = "add --resume to continue, or remove the folder" if keep else "remove the folder"
        raise OutputExistsError(f"{folder}: found parts of an interrupted conversion; {advice}")
    with file_errors("write", out):
        folder.mkdir(exist_ok=True)
        try:
            with exclusive(folder / LOCK, "convert"):
                _check_job(folder / JOB, orjson.dumps(job))
                yield Parts(folder, files, tokens)
        except (LockedError, OutputExistsError):
            raise  # these parts belong to another conversion
        except BaseException as error:
            if not keep or isinstance(error, InputError) or not any(folder.glob("part-*.arrow")):
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


def _check_job(path: Path, job: bytes) -> None:
    if not path.exists():
        path.write_bytes(job)
    elif path.read_bytes() != job:
        raise OutputExistsError(
            f"{path.parent}: found parts of other inputs, options or releases; repeat the original command, "
            "or remove the folder"
        )


def put_in_place(path: Path, out: Path) -> None:
    """Move a complete file to its final name, so that a file of this name is never partial."""
    fsync(path)
    path.replace(out)
    fsync(out.parent)


def _read_info(path: Path) -> Info:
    try:
        with pa.memory_map(str(path)) as raw, pa.ipc.open_file(raw) as file:
            return Info(**orjson.loads(file.schema.metadata[_INFO]))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptIndexError(f"{path} is not a part of a conversion: {error}; remove the folder") from None
