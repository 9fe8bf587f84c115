"""Parts of a conversion: what was read, kept beside the output until that is whole, so that a stop costs little."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from seismic import CorruptIndexError, InputError, OutputExistsError, SparseVectors, StorageError
from seismic.store.files import fsync
from seismic.store.lock import exclusive
from seismic_tools.readers import BEGINNING, Batch, Rows, Start, Tokens

JOB, LOCK = "job.json", "LOCK"
ENOUGH = 1 << 26
"""Bytes of a part. A conversion that was stopped reads so many again, and writers hold as many in memory."""

_INFO = b"seismic"


class Info(NamedTuple):
    """What is known of a part: the number of its file, its first row there, and how many it has; the unit in which
    messages count them; whether vectors came as tokens; their dimension and nnz; the tokens seen first in it."""

    file: int
    row: int
    rows: int
    unit: str
    by_token: bool
    dimension: int
    nnz: int
    tokens: list[str]


class Chunk(NamedTuple):
    """Some rows: their vectors, and their `id` and other columns, of the types that all rows have in common."""

    vectors: SparseVectors
    documents: pa.Table


class Parts:
    """The parts in a folder, in order. `add` batches, then `finish`, then iterate over chunks."""

    def __init__(self, folder: Path, files: Sequence[Path], tokens: Tokens) -> None:
        """`files`: what is read; `tokens`: those known beforehand, to which the parts' own are added."""
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
        """Rows of all parts."""
        return sum(info.rows for info in self.infos)

    @property
    def nnz(self) -> int:
        """Components of all parts."""
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
        """Where reading goes on."""
        if not self.infos:
            return BEGINNING
        last = self.infos[-1]
        ended = [number for number, info in enumerate(self.infos) if info.file == self.infos[0].file][-1]
        return Start(last.file, last.row + last.rows, self.rows, self._without_rows(ended))

    def _without_rows(self, number: int) -> Batch:
        """A part as what readers compare the columns of other files with."""
        info = self.infos[number]
        rows = Rows(self.files[info.file], info.unit, range(0))
        return Batch(rows, SparseVectors.from_dicts([]), self._schema(number).empty_table(), info.by_token, 1.0)

    def add(self, batch: Batch) -> None:
        """One more batch."""
        if self._waiting:
            before = self._waiting[-1]
            if before.rows.file != batch.rows.file or before.documents.schema != batch.documents.schema:
                self.finish()
        self._waiting.append(batch)
        self._size += batch.vectors.nbytes + batch.documents.nbytes
        if self._size >= ENOUGH:
            self.finish()

    def finish(self) -> None:
        """Write the part that batches wait for."""
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
        """Columns of the documents, of types that can hold those of all parts; InputError if there are none such."""
        try:
            schemas = [self._schema(number) for number in range(len(self.infos))]
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(f"metadata of all documents does not fit into common columns: {error}") from None

    def _schema(self, number: int) -> pa.Schema:
        with pa.memory_map(str(self._path(number))) as raw, pa.ipc.open_file(raw) as file:
            fields = [field for field in file.schema if field.name not in ("indices", "values")]
            return pa.schema(fields)

    def __iter__(self) -> Iterator[Chunk]:
        """The rows of one part after the other."""
        schema, dimension = self.schema(), self.dimension
        for number in range(len(self.infos)):
            with pa.memory_map(str(self._path(number))) as raw, pa.ipc.open_file(raw) as file:
                table = file.read_all()
            documents = table.drop(["indices", "values"])
            try:
                documents = pa.concat_tables([schema.empty_table(), documents], promote_options="permissive")
            except pa.ArrowException as error:
                raise InputError(f"metadata of all documents does not fit into common columns: {error}") from None
            yield Chunk(SparseVectors.from_arrow(table, dimension), documents)


def list_columns(vectors: SparseVectors) -> dict[str, pa.Array]:
    """`indices` and `values` as columns of lists, a row a vector."""
    offsets = pa.array(vectors.indptr, pa.int32())
    return {
        "indices": pa.ListArray.from_arrays(offsets, pa.array(vectors.components)),
        "values": pa.ListArray.from_arrays(offsets, pa.array(vectors.values)),
    }


@contextmanager
def kept_parts(
    out: Path, job: Mapping[str, Any], files: Sequence[Path], tokens: Tokens, *, resume: bool
) -> Iterator[Parts]:
    """The parts of a conversion into `out`, in a folder beside it.

    The folder goes with the context, also if the input is wrong; it stays if the conversion is stopped otherwise and a
    part is finished. `job` says what parts are made of. Raises OutputExistsError if there are parts and not `resume`,
    or parts of another job, LockedError, and StorageError if nothing can be written.
    """
    folder = out.with_name(f".{out.name}.parts")
    if folder.exists() and not resume:
        raise OutputExistsError(
            f"{folder}: found parts of a conversion that was stopped; add --resume to go on, or remove the folder"
        )
    try:
        folder.mkdir(exist_ok=True)
        with exclusive(folder / LOCK, "convert"):
            _check_job(folder / JOB, orjson.dumps(job))
            try:
                yield Parts(folder, files, tokens)
            except BaseException as error:
                if isinstance(error, InputError) or not any(folder.glob("part-*.arrow")):
                    shutil.rmtree(folder)
                raise
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error}") from None


def _check_job(path: Path, job: bytes) -> None:
    if not path.exists():
        path.write_bytes(job)
    elif path.read_bytes() != job:
        raise OutputExistsError(
            f"{path.parent}: found parts of other inputs, of other options or by another release; convert as before, "
            "or remove the folder"
        )


def put_in_place(path: Path, out: Path) -> None:
    """Give a file that is whole its name, so that none of this name is ever half-written."""
    fsync(path)
    path.replace(out)
    fsync(out.parent)


def _read_info(path: Path) -> Info:
    try:
        with pa.memory_map(str(path)) as raw, pa.ipc.open_file(raw) as file:
            return Info(**orjson.loads(file.schema.metadata[_INFO]))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptIndexError(f"{path} is not a part of a conversion: {error}; remove its folder") from None
