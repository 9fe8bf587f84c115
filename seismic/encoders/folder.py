"""Load encoders by name or folder: models in ONNX, saved models, and weights of queries."""

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seismic.conversion.plain import excerpt
from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.bm25 import NAME as BM25
from seismic.encoders.bm25 import Bm25
from seismic.encoders.encoded import Encode, Encoded
from seismic.encoders.lexical import fit_bm25, recorded_bm25
from seismic.encoders.model import MaskedLanguageModel
from seismic.encoders.pieces import Pieces
from seismic.encoders.session import Session
from seismic.encoders.source import MODEL, WEIGHTS, Source, read_source
from seismic.encoders.weights import TokenWeights
from seismic.errors import EncoderError, ParameterError
from seismic.vocabulary import Vocabulary

BUNDLED = Path(__file__).parent / "models"
VARIABLE = "SEISMIC_ENCODERS"
"""Environment variable with the folders of encoders, separated by colons."""

LEARNS = "bm25 learns its words from the documents; fit it to their texts with fit_bm25"

_loaded: dict[tuple[str, Path], Encoder] = {}
_loading = threading.Lock()


def _after_fork() -> None:
    global _loading
    _loading = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def load_encoder(name: str | Path, bm25: Bm25 | None = None) -> Encoder:
    """Load an encoder, once per process. Raises EncoderError if there is none or it cannot run here.

    `name`: `splade-tiny`, the name of a folder in one of the folders listed in SEISMIC_ENCODERS, or a path: a `Path`,
    or text with a slash. `bm25` is BM25 with the parameters `bm25` and without any word; see `fit_bm25`.
    """
    if bm25 is not None and name != BM25:
        raise ParameterError(f"{', '.join(Bm25.model_fields)} need the encoder {BM25}, found {excerpt(name)}")
    if isinstance(name, Path):
        name = str(name.absolute())
    if not isinstance(name, str) or "\0" in name:
        raise EncoderError(f"found {excerpt(name)}, expected the name of an encoder or a path with a slash")
    if name == BM25:
        return replace(fit_bm25([], bm25).encoder, encode_documents=partial(_refuse_documents, LEARNS))
    folder = find_folder(name)
    key = (name if folder.name == name else str(folder)), folder
    with _loading:  # one at a time, since models are large
        if key not in _loaded:
            same = next((encoder for (_, other), encoder in _loaded.items() if other == folder), None)
            named = same and replace(same, entry=same.entry.model_copy(update={"name": key[0]}))
            _loaded[key] = named or load_folder(*key)
        return _loaded[key]


def as_encoder(encoder: Any) -> Encoder:
    """Return an encoder, loaded if it is a name or path. Raises ParameterError for anything else, and EncoderError."""
    if isinstance(encoder, Encoder):
        return encoder
    if isinstance(encoder, str | Path):
        return load_encoder(encoder)
    raise ParameterError(f"encoder is {excerpt(encoder)}, expected an Encoder, or its name or folder")


def load_recorded(entry: EncoderEntry, vocabulary: Vocabulary | None = None) -> Encoder:
    """Load the encoder of a collection with this vocabulary. Raises EncoderError if its files have changed."""
    if entry.bm25 is not None:
        return recorded_bm25(entry, vocabulary or Vocabulary([]))
    try:
        encoder = load_encoder(entry.name)
    except EncoderError as error:
        if _is_path(entry.name) and not Path(entry.name).exists():  # perhaps copied from another machine
            encoder = load_encoder(Path(entry.name).name)
        else:
            raise error from None
    if encoder.entry.hash != entry.hash:
        raise EncoderError(
            f"encoder '{encoder.name}': the files have hash {encoder.entry.hash}, but the collection was built with "
            f"files of hash {entry.hash}; restore those or rebuild the collection"
        )
    return replace(encoder, entry=entry)


def encoder_folders() -> list[Path]:
    """Return the folders of encoders that load by name: those of SEISMIC_ENCODERS, and the user's."""
    named = [Path(parent) for parent in os.environ.get(VARIABLE, "").split(os.pathsep) if parent]
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return [*named, Path(data, "seismic", "encoders")]


def _is_path(name: str) -> bool:
    return "/" in name or os.sep in name


def find_folder(name: str) -> Path:
    """Return the folder of an encoder, by its name or path. Raises EncoderError if there is none."""
    if _is_path(name):
        folders = [Path(name)]
    else:
        folders = [parent / name for parent in (BUNDLED, *encoder_folders())] if name else []
    for folder in folders:
        if folder.is_dir():
            return folder.resolve()
    names = ", ".join(sorted([BM25, *(folder.name for folder in BUNDLED.iterdir() if folder.is_dir())]))
    raise EncoderError(
        f"found no encoder {name!r}, expected {names}, one that `seismic encoder list` shows, a folder in one of those "
        f"listed in {VARIABLE}, or a path with a slash such as ./model"
    )


def load_folder(name: str, folder: Path) -> Encoder:
    """Load the encoder of a folder under a name. Raises EncoderError."""
    return load_source(name, folder, read_source(folder))


def load_source(name: str, folder: Path, source: Source) -> Encoder:
    """Load the encoder that was read from a folder under a name. Raises EncoderError."""
    config = source.config
    pieces = Pieces(source.tokenizer, config.max_length, config.lower_case)
    model = None
    if source.model:
        content = source.build(None) if source.build else None
        model = MaskedLanguageModel(Session(source.model, content), pieces, config)
    tokens = pieces.tokens()
    if model and model.dimension < len(tokens):
        raise EncoderError(
            f"{folder}: the model's output has {model.dimension} components, expected one for each of the tokenizer's "
            f"{len(tokens)} word pieces"
        )
    vocabulary = Vocabulary(pieces.tokens(model.dimension) if model else tokens)
    weights = source.weights(vocabulary.tokens.to_pylist()) if source.weights else None
    queries: Encode | None = partial(model, prompt=config.query_prompt) if model else None
    if weights is not None:
        queries = TokenWeights(_query_pieces(source, pieces), weights, config)
    if queries is None:
        raise EncoderError(f"{folder}: found neither {MODEL} nor {WEIGHTS}, expected at least one")
    entry = EncoderEntry(name=name, hash=source.hash())
    no_model = f"encoder '{name}' has no {MODEL} and encodes queries only; pass document vectors"
    documents = partial(model, prompt=config.document_prompt) if model else partial(_refuse_documents, no_model)
    room = pieces.room - len(pieces.bare(config.document_prompt)) if model else None
    return Encoder(entry, vocabulary, partial(TokenWeights, pieces), documents, queries, pieces.places, room)


def _query_pieces(source: Source, pieces: Pieces) -> Pieces:
    """Return what splits queries for weights. Raises EncoderError if it numbers other pieces than documents have."""
    if source.query_tokenizer is None:
        return pieces
    own = Pieces(source.query_tokenizer, source.config.max_length)
    if own.tokens() != pieces.tokens():
        raise EncoderError(
            f"{source.query_tokenizer}: found other word pieces than in {source.tokenizer}, expected the same"
        )
    return own


def _refuse_documents(problem: str, _: Sequence[str]) -> Encoded:
    raise EncoderError(problem)
