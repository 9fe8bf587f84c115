"""Encoders turn texts into sparse vectors. `load_encoder` loads one; a collection's manifest names its own."""

from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.bm25 import Bm25
from seismic.encoders.chunks import Chunking, chunks_of
from seismic.encoders.encoded import Encode, Encoded, joined
from seismic.encoders.folder import as_encoder, load_encoder, load_recorded
from seismic.encoders.lexical import (
    Fitted,
    GrowingEncoder,
    TermCounter,
    encode_with_new,
    extend_bm25,
    fit_bm25,
    located_words,
    weighted,
)
from seismic.encoders.parallel import encode_texts
from seismic.encoders.places import Locate, Place
from seismic.encoders.reranker import Reranker, load_reranker

__all__ = [
    "Bm25",
    "Chunking",
    "Encode",
    "Encoded",
    "Encoder",
    "EncoderEntry",
    "Fitted",
    "GrowingEncoder",
    "Locate",
    "Place",
    "Reranker",
    "TermCounter",
    "as_encoder",
    "chunks_of",
    "encode_texts",
    "encode_with_new",
    "extend_bm25",
    "fit_bm25",
    "joined",
    "load_encoder",
    "load_recorded",
    "load_reranker",
    "located_words",
    "weighted",
]
