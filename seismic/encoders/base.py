"""What every encoder is, and what a collection remembers of its own."""

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
    """What a collection's manifest says of its encoder.

    Counts are of the documents that were encoded when the collection was built; later changes do not count.
    """

    model_config = ConfigDict(frozen=True)  # a newer minor of the format may add fields: they are ignored

    name: str
    """What `load_encoder` takes: a name, or the path of a folder."""

    hash: str
    """xxh3-128 of the encoder's files: another encoder of that name would not do."""

    queries: Literal["own", "idf"] = "own"
    """`own`: queries are encoded as the encoder says. `idf`: by the collection's inverse document frequencies."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)] = ("text",)
    """Columns of a document that are encoded, joined by a space, if it comes without a vector."""

    documents_cut: Count = 0
    """Documents that were too long."""

    pieces_cut: Count = 0
    """Word pieces that were cut off them."""


@dataclass(frozen=True)
class Encoder:
    """Makes vectors over `vocabulary` of texts: of documents and, perhaps in another way, of queries.

    ``entry``: what a collection remembers of it; ``pieces``: its tokenizer. Safe to use from many threads.
    """

    entry: EncoderEntry
    vocabulary: Vocabulary
    pieces: Pieces
    encode_documents: Encode
    encode_queries: Encode

    @property
    def name(self) -> str:
        """What `load_encoder` takes."""
        return self.entry.name

    def recorded(
        self, *, fields: Sequence[str] = ("text",), queries: Literal["own", "idf"] = "own", cut: Iterable[int] = ()
    ) -> "Encoder":
        """The encoder as a collection shall remember it: see `EncoderEntry`. `cut`: as `encode_documents` returned."""
        if isinstance(fields, str) or not fields:
            raise ParameterError(f"fields is {fields!r}, expected a list of columns")
        if queries not in ("own", "idf"):
            raise ParameterError(f"queries is {queries!r}, expected 'own' or 'idf'")
        beyond = [int(pieces) for pieces in cut if pieces]
        counts = {"documents_cut": len(beyond), "pieces_cut": sum(beyond)}
        entry = self.entry.model_copy(update={"fields": tuple(fields), "queries": queries, **counts})
        return replace(self, entry=entry)

    def by_idf(self, idf: npt.NDArray[np.float32]) -> "Encoder":
        """The same, but queries are encoded without a model: each of their word pieces weighs its `idf`, a value for
        every component."""
        if len(idf) != len(self.vocabulary):
            raise InputError(f"found {len(idf)} weights, expected {len(self.vocabulary)}, one for every component")
        return replace(self, encode_queries=TokenWeights(self.pieces, idf))
