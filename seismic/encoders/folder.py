"""Encoders as folders: encoder.json, tokenizer.json, and model.onnx or idf.json or both.

With an idf.json, queries are encoded by its weights, and the model, if there is one, encodes documents only.
"""

import os
import threading
from pathlib import Path
from typing import Annotated

import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.encoded import Encode, Encoded
from seismic.encoders.model import MaskedLanguageModel
from seismic.encoders.pieces import Pieces
from seismic.encoders.weights import TokenWeights, read_weights
from seismic.errors import EncoderError
from seismic.vocabulary import Vocabulary

BUNDLED = Path(__file__).parent / "models"
VARIABLE = "SEISMIC_ENCODERS"

CONFIG, TOKENIZER, MODEL, WEIGHTS = FILES = "encoder.json", "tokenizer.json", "model.onnx", "idf.json"

_loaded: dict[Path, Encoder] = {}
_loading = threading.Lock()


class Config(BaseModel):
    """encoder.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_length: Annotated[int, Field(ge=1)]
    """Word pieces of a text that a model sees, special ones included."""


def load_encoder(name: str) -> Encoder:
    """An encoder by its name, `splade-tiny` or a folder's in one of those that SEISMIC_ENCODERS lists; or by its path,
    which has a slash. The same object each time. EncoderError if there is none, or it cannot run here."""
    folder = _find(name)
    with _loading:  # not two of them at once: models are large
        if folder not in _loaded:
            _loaded[folder] = _load(name if folder.name == name else str(folder), folder)
        return _loaded[folder]


def load_recorded(entry: EncoderEntry) -> Encoder:
    """The encoder that a collection remembers; EncoderError if it is not the same any more."""
    try:
        encoder = load_encoder(entry.name)
    except EncoderError as error:
        if _is_path(entry.name) and not Path(entry.name).exists():  # moved to another machine, perhaps
            encoder = load_encoder(Path(entry.name).name)
        else:
            raise error from None
    if encoder.entry.hash != entry.hash:
        raise EncoderError(
            f"encoder '{encoder.name}' has files of hash {encoder.entry.hash}, but the collection was built with those "
            f"of {entry.hash}; bring them back or build it again"
        )
    return Encoder(entry, encoder.vocabulary, encoder.pieces, encoder.encode_documents, encoder.encode_queries)


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name


def _find(name: str) -> Path:
    if _is_path(name):
        folders = [Path(name)]
    else:
        parents = [Path(parent) for parent in os.environ.get(VARIABLE, "").split(os.pathsep) if parent]
        folders = [parent / name for parent in (BUNDLED, *parents)] if name else []
    for folder in folders:
        if folder.is_dir():
            return folder.resolve()
    names = ", ".join(sorted(folder.name for folder in BUNDLED.iterdir() if folder.is_dir()))
    raise EncoderError(
        f"found no encoder {name!r}; there is {names}, and what is in the folders that {VARIABLE} lists; a path needs "
        "a slash, such as ./model"
    )


def _load(name: str, folder: Path) -> Encoder:
    config = _config(folder / CONFIG)
    pieces = Pieces(folder / TOKENIZER, config.max_length)
    model = MaskedLanguageModel(folder / MODEL, pieces) if (folder / MODEL).exists() else None
    tokens = pieces.tokens()
    if model and model.dimension < len(tokens):
        raise EncoderError(f"{folder}: found logits of {model.dimension} components for {len(tokens)} word pieces")
    vocabulary = Vocabulary(pieces.tokens(model.dimension) if model else tokens)
    queries: Encode | None = model
    if (folder / WEIGHTS).exists():
        queries = TokenWeights(pieces, read_weights(folder / WEIGHTS, vocabulary.tokens.to_pylist()))
    if queries is None:
        raise EncoderError(f"{folder}: found neither {MODEL} nor {WEIGHTS}, expected one of them or both")
    entry = EncoderEntry(name=name, hash=_hash(folder))
    return Encoder(entry, vocabulary, pieces, model or _no_model(name), queries)


def _no_model(name: str) -> Encode:
    def encode(_: object) -> Encoded:
        raise EncoderError(f"encoder '{name}' has no {MODEL}, so it encodes queries only; give vectors of documents")

    return encode


def _config(path: Path) -> Config:
    try:
        return Config.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EncoderError(f'{path}: {error.strerror}, expected JSON such as {{"max_length": 256}}') from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise EncoderError(f"{path}: {place}: {problem['msg'].lower()} (found {problem['input']!r})") from None


def _hash(folder: Path) -> str:
    digest = xxhash.xxh3_128()
    for name in FILES:
        if (folder / name).exists():
            content = (folder / name).read_bytes()
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
