"""The encoder type, and its entry in a collection's manifest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from seismic.encoders.encoded import Encode
from seismic.encoders.pieces import Pieces
from seismic.encoders.weights import TokenWeights
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


@dataclass(frozen=True)
class Encoder:
    """Encodes documents and queries, possibly in different ways, as vectors over `vocabulary`.

    ``entry``: the manifest entry; ``pieces``: the tokenizer. Safe to use from many threads.
    """

    entry: EncoderEntry
    vocabulary: Vocabulary
    pieces: Pieces
    encode_documents: Encode
    encode_queries: Encode

    @property
    def name(self) -> str:
        """The argument of `load_encoder`."""
        return self.entry.name

    def recorded(
        self, *, fields: Sequence[str] = ("text",), queries: Literal["own", "idf"] = "own", cut: Iterable[int] = ()
    ) -> "Encoder":
        """Return the encoder with an updated `EncoderEntry`. `cut`: as returned by `encode_documents`."""
        if isinstance(fields, str) or not fields:
            raise ParameterError(f"fields is {fields!r}, expected a list of column names")
        if queries not in ("own", "idf"):
            raise ParameterError(f"queries is {queries!r}, expected 'own' or 'idf'")
        beyond = [int(pieces) for pieces in cut if pieces]
        counts = {"documents_cut": len(beyond), "pieces_cut": sum(beyond)}
        entry = self.entry.model_copy(update={"fields": tuple(fields), "queries": queries, **counts})
        return replace(self, entry=entry)

    def by_idf(self, idf: npt.NDArray[np.float32]) -> "Encoder":
        """Return the encoder with model-free query encoding: each word piece weighs its `idf` (one per component)."""
        if len(idf) != len(self.vocabulary):
            raise InputError(f"found {len(idf)} weights, expected {len(self.vocabulary)}, one per component")
        return replace(self, encode_queries=TokenWeights(self.pieces, idf))
