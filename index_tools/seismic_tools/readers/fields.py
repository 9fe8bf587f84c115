"""Read documents of a collection with several fields: vectors in columns of their own, and texts to encode.

The vectors of field F come in the columns `F.indices` (numbers, or tokens) and `F.values`; in JSON lines also as
{"fields": {F: {"indices", "values"}}} or {"tokens"}. A vector without a name is that of the first field other than
BM25. A field with an encoder and without such columns is encoded.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic import FieldEntry, SparseVectors, VectorError
from seismic.encoders import Encode
from seismic.fields.joined import SEPARATOR
from seismic.fields.vectors import INDICES, VALUES, side_by_side
from seismic.vectors import as_vectors
from seismic_tools.readers.batch import VECTOR_FIELDS, Batch, Tokens
from seismic_tools.readers.texts import Texts
from seismic_tools.terminal.progress import Report

ENDS = {"indices": INDICES, "values": VALUES}


class FieldSource(NamedTuple):
    """Where the vectors of a field come from.

    ``words``: its own tokens, by which components are numbered; those of a numbered field spell them. ``encode``:
    encodes its columns, None without an encoder. ``counts``: whether it counts terms, so that vectors cannot be given.
    """

    entry: FieldEntry
    words: Tokens
    encode: Encode | None = None
    counts: bool = False


class FieldTexts(Texts):
    """Makes joined vectors of documents; ``tokens`` numbers the joined tokens as they appear."""

    def __init__(
        self,
        sources: Sequence[FieldSource],
        tokens: Tokens,
        *,
        threads: int = 1,
        report: Report | None = None,
    ) -> None:
        super().__init__(_never, (), always=True)
        self.sources, self.tokens = sources, tokens
        self.encoders = {
            source.entry.name: Texts(
                source.encode, source.entry.columns, threads=threads, complete=False, report=report
            )
            for source in sources
            if source.encode
        }
        self.unnamed = next((source.entry.name for source in sources if not source.counts), None)
        self._joined = {source.entry.name: np.zeros(0, np.int64) for source in sources}
        for source in sources:
            self._number(source)

    @property
    def columns(self) -> list[str]:
        """The columns of vectors, which are no payload."""
        return [f"{source.entry.name}{end}" for source in self.sources for end in (INDICES, VALUES)]

    def replace_vectors(self, names: Collection[str]) -> bool:
        """Return True: BM25 leaves vectors without a name unused. Raises VectorError for other fields."""
        if self.unnamed is None:
            return True
        found = next(name for name in names if name in VECTOR_FIELDS)
        expected = f"expected 'indices' and 'values' for the field '{self.unnamed}', or columns of its name"
        raise VectorError(f"found a vector without a name, {expected}", field=found)

    def named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the vector without a name as that of the first field other than BM25."""
        if self.unnamed is None or not set(batch.schema.names) >= set(ENDS):
            return batch
        renamed = {name: self.unnamed + end for name, end in ENDS.items()}
        if both := [name for name in renamed.values() if name in batch.schema.names]:
            raise VectorError("found next to a vector without a name, expected only one of both", field=both[0])
        return batch.rename_columns([renamed.get(name, name) for name in batch.schema.names])

    def flat(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON document with its vectors in columns. Raises VectorError."""
        names = {source.entry.name for source in self.sources}
        parts = document.get("fields")
        if isinstance(parts, dict) and parts.keys() <= names:
            document = {name: value for name, value in document.items() if name != "fields"}
            for name, part in parts.items():
                document |= {f"{name}{end}": value for end, value in _columns(name, part).items()}
        document = self._with_name(document)
        for name in names:
            values = document.get(name + VALUES)
            if isinstance(values, list) and set(map(type, values)) <= {int, float}:
                document[name + VALUES] = [float(value) for value in values]
        return document

    def _with_name(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON document with the vector without a name as that of the first field other than BM25."""
        found = VECTOR_FIELDS.intersection(document)
        if self.unnamed is None or not found:
            return document
        part = {name: document[name] for name in found}
        if found in ({"vector"}, {"tokens"}):
            part = {"tokens": next(iter(part.values()))}
        columns = {self.unnamed + end: value for end, value in _columns(self.unnamed, part).items()}
        if both := [name for name in columns if name in document]:
            raise VectorError("found next to a vector without a name, expected only one of both", field=both[0])
        return {name: value for name, value in document.items() if name not in found} | columns

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """Return the joined vectors of documents; VectorError names row and field."""
        parts = []
        for source in self.sources:
            own, joined = self._own(source, documents), self._number(source)
            parts.append(
                SparseVectors(own.indptr, joined[own.components].astype(np.uint32), own.values, len(self.tokens))
            )
        return side_by_side(parts, len(self.tokens))

    def without_vectors(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches without the columns of vectors among their documents."""
        for batch in batches:
            there = [name for name in self.columns if name in batch.documents.column_names]
            yield batch._replace(documents=batch.documents.drop_columns(there))

    def _number(self, source: FieldSource) -> npt.NDArray[np.int64]:
        """Return the joined component of each of a field's own ones, after numbering the new ones."""
        name, known = source.entry.name, self._joined[source.entry.name]
        new = [self.tokens[f"{name}{SEPARATOR}{word}"] for word in islice(source.words, len(known), None)]
        if new:
            known = self._joined[name] = np.concatenate([known, np.array(new, np.int64)])
        return known

    def _own(self, source: FieldSource, documents: pa.Table) -> SparseVectors:
        name = source.entry.name
        present = [f"{name}{end}" for end in (INDICES, VALUES) if f"{name}{end}" in documents.column_names]
        texts = source.counts and any(column in documents.column_names for column in source.entry.columns)
        if len(present) == 2 and not texts:
            if source.counts:
                problem = (
                    "found vectors, expected only texts: bm25 learns its words and weights from the texts of a build"
                )
                raise VectorError(problem, field=present[0])
            return _given(source, documents[present[0]], documents[present[1]])
        if len(present) == 1:
            raise VectorError("found no column for its counterpart, expected both", field=present[0])
        if source.encode is None:
            return SparseVectors.from_dicts([{}] * len(documents), 0)
        return self.encoders[name].vectors(documents)

    def __str__(self) -> str:
        """Return a summary for the user."""
        return "\n".join(f"{name}: {texts}" for name, texts in self.encoders.items() if texts.documents)


def _given(source: FieldSource, indices: pa.ChunkedArray, values: pa.ChunkedArray) -> SparseVectors:
    """Return vectors with own components from two columns; null is an empty vector."""
    name = source.entry.name
    lists = {"indices": _lists(indices, name + INDICES), "values": _lists(values, name + VALUES)}
    kind = lists["indices"].type.value_type
    by_token = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if by_token:
        if source.entry.numbered:
            problem = f"found tokens, expected components; declare the field as {name}=tokens"
            raise VectorError(problem, field=name + INDICES)
        flat = lists["indices"].flatten()
        lists["indices"] = _relisted(lists["indices"], _numbers(source, flat.to_pylist(), lists["indices"]))
    try:
        vectors = as_vectors(pa.table(lists))
    except VectorError as error:
        field = name + ENDS[error.field] if error.field in ENDS else name
        raise VectorError(error.problem, row=error.row, field=field) from None
    if source.entry.numbered:
        numbers, places = np.unique(vectors.components, return_inverse=True)
        own = _numbers(source, [str(number) for number in numbers.tolist()], None)
        return SparseVectors(vectors.indptr, own[places].astype(np.uint32), vectors.values, len(source.words))
    wrong = np.flatnonzero(vectors.components >= len(source.words))
    if len(wrong):
        row = int(np.searchsorted(vectors.indptr, wrong[0], side="right")) - 1
        problem = f"found component {vectors.components[wrong[0]]}, expected components below {len(source.words)}"
        raise VectorError(problem, row=row, field=name + INDICES)
    return vectors


def _numbers(source: FieldSource, words: Sequence[str], lists: pa.Array | None) -> npt.NDArray[np.int64]:
    found = []
    for at, word in enumerate(words):
        try:
            found.append(source.words[word])
        except KeyError:
            row = None if lists is None else int(np.searchsorted(np.cumsum(pc.list_value_length(lists)), at, "right"))
            problem = f"found {word!r}, expected tokens or components of the field"
            raise VectorError(problem, row=row, field=source.entry.name + INDICES) from None
    return np.array(found, np.int64)


def _lists(column: pa.ChunkedArray, name: str) -> pa.Array:
    """Return a column of lists without nulls."""
    array, kind = column.combine_chunks(), column.type
    if pa.types.is_null(kind):
        return pa.array([[]] * len(array), pa.list_(pa.int64()))
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise VectorError(f"found a column of {kind}, expected lists", field=name)
    if pa.types.is_null(kind.value_type):
        array = array.cast(pa.list_(pa.int64()))
    return pc.coalesce(array, pa.scalar([], array.type)) if array.null_count else array


def _relisted(lists: pa.Array, flat: npt.NDArray[np.int64]) -> pa.Array:
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(), dtype=np.int64)
    return pa.LargeListArray.from_arrays(np.concatenate([[0], ends]), pa.array(flat))


def _columns(name: str, part: Any) -> dict[str, Any]:
    """Return a field's vector of a JSON document as columns."""
    if part is None:
        return {}
    if isinstance(part, Mapping) and part.keys() == {"indices", "values"}:
        return {INDICES: part["indices"], VALUES: part["values"]}
    if isinstance(part, Mapping) and part.keys() == {"tokens"} and isinstance(part["tokens"], Mapping):
        return {INDICES: list(part["tokens"]), VALUES: list(part["tokens"].values())}
    raise VectorError("expected an object with either 'indices' and 'values', or 'tokens'", field=f"fields.{name}")


def _never(_: Sequence[str]) -> Any:
    raise AssertionError("fields have encoders of their own")
