"""Cut texts into chunks while they are read."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from seismic import Chunking, ParameterError, SparseVectors, VectorError
from seismic.documents.chunked import cut_documents
from seismic.encoders import Encode, Locate
from seismic_tools.readers.batch import Batch, Rows
from seismic_tools.readers.texts import Texts


class ChunkedTexts(Texts):
    """Encodes the chunks of documents. ``whole`` counts the documents."""

    def __init__(self, encode: Encode, fields: Any, locate: Locate, chunking: Chunking, **options: Any) -> None:
        super().__init__(encode, fields, always=True, **options)
        self._locate, self._chunking = locate, chunking
        self.whole = 0

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """Return empty vectors: `chunks` makes those of the chunks."""
        return SparseVectors.from_dicts([{}] * len(documents), 0)

    def chunks(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the chunks of all documents. Raises VectorError with file, row and field."""
        for batch in batches:
            self.whole += len(batch.documents)
            try:
                chunked = cut_documents(batch.documents, self.fields, self._locate, self._chunking)
            except VectorError as error:
                raise batch.rows.placed(error) from None
            rows = Rows(batch.rows.file, batch.rows.unit, [batch.rows.numbers[row] for row in chunked.rows.tolist()])
            yield batch._replace(rows=rows, vectors=self.encoded(chunked.texts), documents=chunked.documents)

    def __str__(self) -> str:
        """Return a summary for the user."""
        return f"cut {self.whole:,} documents into {self.documents:,} chunks; {super().__str__()}"


def chunking_of(chunk: int | None, overlap: int | None) -> Chunking | None:
    """Return how to cut texts by the options --chunk and --overlap. Raises ParameterError."""
    if chunk is None:
        if overlap is not None:
            raise ParameterError("--overlap needs --chunk, the size of a chunk")
        return None
    return Chunking(size=chunk, overlap=overlap or 0)
