"""The encoder type, and its entry in a collection's manifest."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from seismic.encoders.bm25 import Bm25
from seismic.encoders.chunks import Chunking
from seismic.encoders.encoded import Encode
from seismic.encoders.places import Locate
from seismic.errors import InputError, ParameterError
from seismic.vocabulary import Vocabulary

Count = Annotated[int, Field(ge=0, strict=True)]


class EncoderEntry(BaseModel):
    """The encoder's entry in a collection's manifest.

    Counts cover the documents encoded by the build, not later changes.
    """

    model_config = ConfigDict(frozen=True)  # ignores fields added by a newer minor format version

    name: str
    """The argument of `load_encoder`: a name, or the path of a folder."""

    hash: str
    """xxh3-128 of the encoder's files, to detect another encoder of the same name."""

    queries: Literal["own", "idf"] = "own"
    """`own`: the encoder encodes queries. `idf`: the collection's inverse document frequencies are the weights."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)] = ("text",)
    """Columns that are joined by a space and encoded if a document has no vector."""

    documents_cut: Count = 0
    """Documents that were truncated."""

    pieces_cut: Count = 0
    """Word pieces that truncation removed."""

    bm25: Bm25 | None = None
    """The parameters, if the encoder is BM25."""

    chunks: Chunking | None = None
    """How texts are cut into chunks, each a document of its own. A release that does not know this field may not
    write."""


@dataclass(frozen=True)
class Encoder:
    """Encodes documents and queries, possibly in different ways, as vectors over `vocabulary`.

    ``entry``: the manifest entry; ``weigh`` makes an encoder of queries from a weight per component, float32. Safe to
    use from many threads.
    """

    entry: EncoderEntry
    vocabulary: Vocabulary
    weigh: Callable[[npt.NDArray[np.float32]], Encode]
    encode_documents: Encode
    encode_queries: Encode
    locate: Locate
    room: int | None = None
    """Most word pieces of a text that the model reads, without special ones; None: all."""

    @property
    def name(self) -> str:
        """The argument of `load_encoder`."""
        return self.entry.name

    def recorded(
        self,
        *,
        fields: Sequence[str] = ("text",),
        queries: Literal["own", "idf"] | None = None,
        cut: Iterable[int] = (),
        chunks: Chunking | None = None,
    ) -> "Encoder":
        """Return the encoder with an updated `EncoderEntry`.

        `queries`: None is `idf` for BM25, `own` for others. `cut`: as returned by `encode_documents`. `chunks`: how
        texts are cut. Raises ParameterError for chunks that are longer than the model reads.
        """
        if isinstance(fields, str) or not fields:
            raise ParameterError(f"fields is {fields!r}, expected a list of column names")
        if queries is None:
            queries = "own" if self.entry.bm25 is None else "idf"
        if queries not in ("own", "idf"):
            raise ParameterError(f"queries is {queries!r}, expected 'own' or 'idf'")
        if queries == "own" and self.entry.bm25 is not None:
            raise ParameterError("queries is 'own', expected 'idf': BM25 weighs queries by document frequencies")
        beyond = [int(pieces) for pieces in cut if pieces]
        counts = {"documents_cut": len(beyond), "pieces_cut": sum(beyond)}
        if chunks is not None and self.room is not None and chunks.size > self.room:
            raise ParameterError(
                f"chunk is {chunks.size}, expected at most {self.room}: encoder '{self.name}' reads no more word pieces"
            )
        update = {"fields": tuple(fields), "queries": queries, "chunks": chunks, **counts}
        entry = self.entry.model_copy(update=update)
        return replace(self, entry=entry)

    def by_idf(self, idf: npt.NDArray[np.float32]) -> "Encoder":
        """Return the encoder with model-free query encoding: each word weighs its `idf` (one per component)."""
        if len(idf) != len(self.vocabulary):
            raise InputError(f"found {len(idf)} weights, expected {len(self.vocabulary)}, one per component")
        return replace(self, encode_queries=self.weigh(idf))
