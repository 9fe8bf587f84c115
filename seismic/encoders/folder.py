"""Load an encoder from a folder: encoder.json, tokenizer.json, and model.onnx or idf.json or both.

The weights of idf.json encode queries; the model then encodes documents only.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from seismic.conversion.plain import excerpt
from seismic.encoders.base import Encoder, EncoderEntry
from seismic.encoders.bm25 import NAME as BM25
from seismic.encoders.bm25 import Bm25
from seismic.encoders.encoded import Encode, Encoded
from seismic.encoders.lexical import fit_bm25, recorded_bm25
from seismic.encoders.model import Activation, MaskedLanguageModel
from seismic.encoders.pieces import Pieces
from seismic.encoders.weights import TokenWeights, read_weights
from seismic.errors import EncoderError, ParameterError
from seismic.lines import without_mark
from seismic.vocabulary import Vocabulary

BUNDLED = Path(__file__).parent / "models"
VARIABLE = "SEISMIC_ENCODERS"

LEARNS = "bm25 learns its words from the documents; fit it to their texts with fit_bm25"

CONFIG, TOKENIZER, MODEL, WEIGHTS = FILES = "encoder.json", "tokenizer.json", "model.onnx", "idf.json"

_loaded: dict[Path, Encoder] = {}
_loading = threading.Lock()


def _after_fork() -> None:
    global _loading
    _loading = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Config(BaseModel):
    """encoder.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_length: Annotated[int, Field(ge=1)]
    """Word pieces per text that the model sees, special ones included. Longer texts are truncated."""

    output: Literal["logits", "weights"] = "logits"
    """`logits`: the activation turns the model's output into weights. `weights`: the output is finished weights."""

    activation: Activation = "log1p"
    """Of logits: `log1p` is log(1 + relu(x)) as in SPLADE, `double_log` is log(1 + log(1 + relu(x)))."""

    @model_validator(mode="after")
    def _check_activation(self) -> Self:
        if self.output == "weights" and "activation" in self.model_fields_set:
            raise PydanticCustomError("activation", "activation applies to logits, found output 'weights'; remove one")
        return self


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
    folder = _find(name)
    with _loading:  # one at a time, since models are large
        if folder not in _loaded:
            _loaded[folder] = _load(name if folder.name == name else str(folder), folder)
        return _loaded[folder]


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
    names = ", ".join(sorted([BM25, *(folder.name for folder in BUNDLED.iterdir() if folder.is_dir())]))
    raise EncoderError(
        f"found no encoder {name!r}, expected {names}, a folder in one of those listed in {VARIABLE}, or a path with "
        "a slash such as ./model"
    )


def _load(name: str, folder: Path) -> Encoder:
    config = _config(folder / CONFIG)
    pieces = Pieces(folder / TOKENIZER, config.max_length)
    activation = None if config.output == "weights" else config.activation
    model = MaskedLanguageModel(folder / MODEL, pieces, activation) if (folder / MODEL).exists() else None
    tokens = pieces.tokens()
    if model and model.dimension < len(tokens):
        raise EncoderError(
            f"{folder}: the model's output has {model.dimension} components, expected one for each of the tokenizer's "
            f"{len(tokens)} word pieces"
        )
    vocabulary = Vocabulary(pieces.tokens(model.dimension) if model else tokens)
    queries: Encode | None = model
    if (folder / WEIGHTS).exists():
        queries = TokenWeights(pieces, read_weights(folder / WEIGHTS, vocabulary.tokens.to_pylist()))
    if queries is None:
        raise EncoderError(f"{folder}: found neither {MODEL} nor {WEIGHTS}, expected at least one")
    entry = EncoderEntry(name=name, hash=_hash(folder))
    no_model = f"encoder '{name}' has no {MODEL} and encodes queries only; pass document vectors"
    documents = model or partial(_refuse_documents, no_model)
    room = pieces.room if model else None
    return Encoder(entry, vocabulary, partial(TokenWeights, pieces), documents, queries, pieces.places, room)


def _refuse_documents(problem: str, _: Sequence[str]) -> Encoded:
    raise EncoderError(problem)


def _config(path: Path) -> Config:
    try:
        return Config.model_validate_json(without_mark(path.read_bytes()))
    except OSError as error:
        raise EncoderError(f'{path}: {error.strerror}, expected JSON such as {{"max_length": 256}}') from None
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the file"
        raise EncoderError(f"{path}: {place}: {problem['msg'].lower()} (found {problem['input']!r})") from None


def _hash(folder: Path) -> str:
    digest = xxhash.xxh3_128()
    for name in (*FILES, *_external_data(folder)):
        if (folder / name).exists():
            digest.update(f"{name} {(folder / name).stat().st_size}\n".encode())
            with (folder / name).open("rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
    return digest.hexdigest()


def _external_data(folder: Path) -> list[str]:
    """Return the other files that the model names, such as model.onnx.data: they hold its weights."""
    if not (folder / MODEL).exists():
        return []
    model = (folder / MODEL).read_bytes()
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if name not in FILES and name.encode() in model)
