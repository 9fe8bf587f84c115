"""Methods of an index that take documents out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from seismic.changes.records import check_delete
from seismic.conversion.numbers import as_path
from seismic.export.files import Progress, write_file
from seismic.export.tables import AsVectors, Selection, read_tables, select
from seismic.filters.language import FilterLike
from seismic.search.respond import Responder
from seismic.view.view import View


class ExportsDocuments(ABC):
    """The part of `Index` that takes documents out. Each method reads one view, also while the index is refreshed."""

    _responder: Responder

    @property
    @abstractmethod
    def view(self) -> View:
        """The view that is read."""

    def batches(
        self,
        filter: FilterLike | None = None,
        *,
        ids: Sequence[str] | Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        with_vectors: AsVectors = True,
    ) -> Iterator[pa.Table]:
        """Yield documents, in the order of their numbers, as tables of at most 16,384 rows and about 16 MB.

        Columns: `id`, those of the payload (`columns`: None for all), `indices` (list<uint32>) and `values`
        (list<float32>, as stored in 16 bits), or a map `tokens` if `with_vectors` is "tokens". Of several fields, each
        has columns `<field>.indices`, with tokens if it has tokens, and `<field>.values`. `filter`, `ids`: only
        documents that match, and have one of the ids. Raises FilterError, ParameterError, InputError for an unknown id,
        or CorruptIndexError.
        """
        return read_tables(self.select(filter, ids=ids, columns=columns, with_vectors=with_vectors))

    def export(
        self,
        to: str | Path,
        filter: FilterLike | None = None,
        *,
        ids: Sequence[str] | Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        with_vectors: AsVectors = True,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Write documents to a Parquet or JSON lines file, as `batches` yields them, and return their number.

        `to` ends in .parquet, .jsonl or .ndjson, the latter two perhaps with .gz or .zst; the file appears when it is
        complete. `progress` is called with ("export", documents done, total). Raises as `batches` does,
        OutputExistsError unless `replace`, InputError for columns that the format cannot hold, or StorageError.
        """
        selection = self.select(filter, ids=ids, columns=columns, with_vectors=with_vectors)
        return write_file(as_path(to), selection, replace=replace, progress=progress)

    def select(
        self,
        filter: FilterLike | None = None,
        *,
        ids: Sequence[str] | Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        with_vectors: AsVectors = True,
    ) -> Selection:
        """Choose documents and columns to take out, as `batches` does."""
        view = self.view
        found = None if ids is None else view.find_all(check_delete(ids, view.rules).ids)
        return select(view, self._responder.filters.scope(view, filter), found, columns, with_vectors)
