"""Encoders: what makes sparse vectors of texts. `load_encoder` finds one; a collection's manifest says which it has."""

from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.encoded import Encode, Encoded, joined
from seismic.encoders.folder import load_encoder, load_recorded
from seismic.encoders.side_by_side import encode_texts

__all__ = ["Encode", "Encoded", "Encoder", "EncoderEntry", "encode_texts", "joined", "load_encoder", "load_recorded"]
