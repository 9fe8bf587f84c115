"""Encoders turn texts into sparse vectors. `load_encoder` loads one; a collection's manifest names its own."""

from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.encoded import Encode, Encoded, joined
from seismic.encoders.folder import load_encoder, load_recorded
from seismic.encoders.parallel import encode_texts

__all__ = ["Encode", "Encoded", "Encoder", "EncoderEntry", "encode_texts", "joined", "load_encoder", "load_recorded"]
