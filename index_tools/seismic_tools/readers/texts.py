"""Documents that come as texts: their vectors are made while they are read."""

import time
from collections.abc import Sequence

import pyarrow as pa

from seismic import SparseVectors, VectorError, encode_texts
from seismic.encoders import Encode, joined
from seismic_tools.terminal.progress import Report

TEXT = ("text",)
"""The column that is encoded unless others are named."""


def field_names(text: str | None) -> tuple[str, ...]:
    """Columns, as an option lists them; None: not given."""
    return TEXT if text is None else tuple(name.strip() for name in text.split(","))


class Texts:
    """Makes vectors of the columns `fields`, joined, and counts ``documents``, ``blank`` ones among them, ``cut`` word
    pieces of each of those that were too long, and ``seconds``.

    `always`: of documents that have vectors, too, which are not used then. `complete`: every field has to be there, not
    only one of them. `report` is told how many documents are encoded.
    """

    def __init__(
        self,
        encode: Encode,
        fields: Sequence[str] = TEXT,
        *,
        threads: int = 1,
        always: bool = False,
        complete: bool = True,
        report: Report | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.always = always
        self._encode, self._threads, self._complete, self._report = encode, threads, complete, report
        self.documents, self.blank, self.seconds = 0, 0, 0.0
        self.cut: list[int] = []

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """The vectors of some documents; VectorError for a field that is missing or no text."""
        columns = [_strings(documents, field) for field in self.fields if self._is_there(documents, field)]
        texts = [joined(row) for row in zip(*columns, strict=True)]
        began = time.perf_counter()
        encoded = encode_texts(self._encode, texts, self._threads, self._count)
        self.seconds += time.perf_counter() - began
        self.blank += sum(not text.strip() for text in texts)
        self.cut += encoded.cut[encoded.cut > 0].tolist()
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
                f"column is missing, so there is neither a vector nor a text to make one of (found "
                f"{', '.join(documents.column_names)})",
                field=field,
            )
        return False

    def __str__(self) -> str:
        """What was encoded, and cut."""
        rate = self.documents / self.seconds if self.seconds else 0.0
        parts = [f"encoded {self.documents:,} texts ({', '.join(self.fields)}), {rate:.1f} a second"]
        if self.cut:
            parts.append(f"{len(self.cut):,} too long: {sum(self.cut):,} word pieces were cut off")
        if self.blank:
            parts.append(f"{self.blank:,} were blank and have empty vectors")
        return "; ".join(parts)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is of strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _strings(documents: pa.Table, field: str) -> list[str | None]:
    column = documents[field]
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        raise VectorError(f"found {column.type}, expected strings to encode", field=field)
    strings: list[str | None] = column.to_pylist()
    return strings
