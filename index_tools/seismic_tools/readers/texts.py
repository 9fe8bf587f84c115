"""Encode documents that come as texts while they are read."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pyarrow as pa

from seismic import SparseVectors, VectorError, encode_texts
from seismic.encoders import Encode, joined
from seismic_tools.terminal.progress import Report

TEXT = ("text",)
"""The column that is encoded by default."""


def field_names(text: str | None) -> tuple[str, ...]:
    """Return columns from a comma-separated option; None gives the default."""
    return TEXT if text is None else tuple(name.strip() for name in text.split(","))


class Texts:
    """Encodes the joined columns `fields`. Counts ``documents``, ``blank`` ones, truncated word pieces per text in
    ``cut``, and ``seconds``, and collects the ``unknown`` terms.

    `always`: also encode documents that have vectors, which are then unused. `preferred`: also encode documents that
    have both vectors and texts. `complete`: require every field, not only one of them. `report` is called with the
    number of encoded documents, `check` with the texts before.
    """

    def __init__(
        self,
        encode: Encode,
        fields: Sequence[str] = TEXT,
        *,
        threads: int = 1,
        always: bool = False,
        preferred: bool = False,
        complete: bool = True,
        report: Report | None = None,
        check: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.always, self._preferred = always, preferred
        self._encode, self._threads, self._complete = encode, threads, complete
        self._report, self._check = report, check
        self.documents, self.blank, self.seconds = 0, 0, 0.0
        self.cut: list[int] = []
        self.unknown: dict[str, None] = {}

    def replace_vectors(self, names: Collection[str]) -> bool:
        """Return whether documents with these columns are encoded although they have vectors."""
        return self.always or (self._preferred and any(field in names for field in self.fields))

    def named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of rows with the columns that its vectors should have."""
        return batch

    def flat(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON document as its columns."""
        return document

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """Return the vectors of documents; VectorError for a field that is missing or not text."""
        columns = [_strings(documents, field) for field in self.fields if self._is_there(documents, field)]
        return self.encoded([joined(row) for row in zip(*columns, strict=True)])

    def encoded(self, texts: Sequence[str]) -> SparseVectors:
        """Return the vectors of texts."""
        if self._check:
            self._check(texts)
        began = time.perf_counter()
        encoded = encode_texts(self._encode, texts, self._threads, self._count)
        self.seconds += time.perf_counter() - began
        self.blank += sum(not text.strip() for text in texts)
        self.cut += encoded.cut[encoded.cut > 0].tolist()
        self.unknown |= dict.fromkeys(encoded.unknown)
        return encoded.vectors

    def _count(self, more: int) -> None:
        self.documents += more
        if self._report:
            self._report("encode", self.documents, None)

    def _is_there(self, documents: pa.Table, field: str) -> bool:
        if field in documents.column_names:
            return True
        if self._complete or not any(one in documents.column_names for one in self.fields):
            raise VectorError(
                f"column is missing; expected a vector or a text to encode (found {', '.join(documents.column_names)})",
                field=field,
            )
        return False

    def __str__(self) -> str:
        """Return a summary for the user."""
        rate = self.documents / self.seconds if self.seconds else 0.0
        parts = [f"encoded {self.documents:,} texts ({', '.join(self.fields)}), {rate:.1f} per second"]
        if self.cut:
            parts.append(f"{len(self.cut):,} too long: {sum(self.cut):,} word pieces were cut off")
        if self.blank:
            parts.append(f"{self.blank:,} were blank and have empty vectors")
        if self.unknown:
            examples = ", ".join([*self.unknown][:3]) + (", ..." if len(self.unknown) > 3 else "")
            parts.append(f"{len(self.unknown):,} words are not in the vocabulary and match nothing: {examples}")
        return "; ".join(parts)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _strings(documents: pa.Table, field: str) -> list[str | None]:
    column = documents[field]
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        raise VectorError(f"found {column.type}, expected strings to encode", field=field)
    strings: list[str | None] = column.to_pylist()
    return strings
