"""Add a model to a folder of encoders, converted and checked, so that it loads by its name."""

import os
import shutil
from pathlib import Path

import orjson

from seismic.conversion.plain import excerpt
from seismic.encoders.bm25 import NAME as BM25
from seismic.encoders.config import Config, Precision
from seismic.encoders.folder import BUNDLED, encoder_folders, load_folder
from seismic.encoders.pieces import Pieces
from seismic.encoders.source import (
    CONFIG,
    MODEL,
    QUERY_TOKENIZER,
    TOKENIZER,
    WEIGHTS,
    Source,
    external_data,
    read_source,
)
from seismic.errors import EncoderError, OutputExistsError, ParameterError

NOTES = "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE"
"""Files about a model that stay with it."""

TRIAL = "The quick brown fox jumps over the lazy dog."


def add_encoder(
    source: str | Path,
    name: str,
    folder: str | Path | None = None,
    *,
    precision: Precision = "float16",
    max_length: int | None = None,
) -> Path:
    """Write a model as encoder `name` and return its folder.

    `source`: a folder that `load_encoder` takes. `folder`: where encoders lie; None: the first of SEISMIC_ENCODERS, or
    the user's. `precision`: how matrices of weights are stored; models in ONNX are copied as they are. `max_length`:
    word pieces per text; None: as the source says.

    Raises EncoderError, ParameterError and OutputExistsError; nothing is written then.
    """
    _check_name(name)
    parent = encoder_folders()[0] if folder is None else Path(folder)
    target, part = parent / name, parent / f".{name}.{os.getpid()}"
    if target.exists():
        raise OutputExistsError(f"{target} exists; choose another name or remove it")
    given = read_source(Path(source))
    config = _config(given, max_length)
    try:
        part.mkdir(parents=True)
        _write(part, given, config, precision)
        for note in NOTES:
            if (Path(source) / note).is_file():
                shutil.copyfile(Path(source) / note, part / note)
        load_folder(name, part).encode_queries([TRIAL])
        part.rename(target)
    except EncoderError as error:
        raise EncoderError(str(error).replace(str(part), str(source))) from None
    except OSError as error:
        raise EncoderError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _check_name(name: str) -> None:
    taken = {BM25, *(path.name for path in BUNDLED.iterdir())}
    if not isinstance(name, str) or name in ("", *taken) or name.startswith(".") or {"/", "\\", "\0", os.sep} & {*name}:
        raise ParameterError(
            f"name is {excerpt(name)}, expected a name without slashes that does not start with a dot and is none of "
            f"{', '.join(sorted(taken))}"
        )


def _config(source: Source, max_length: int | None) -> Config:
    if max_length is None:
        return source.config
    positions = source.config.positions
    if not 1 <= max_length <= (positions or max_length):
        raise ParameterError(f"max_length is {max_length}, expected 1 to {positions or 'the positions of the model'}")
    return source.config.model_copy(update={"max_length": max_length})


def _write(folder: Path, source: Source, config: Config, precision: Precision) -> None:
    shutil.copyfile(source.tokenizer, folder / TOKENIZER)
    if source.query_tokenizer:
        shutil.copyfile(source.query_tokenizer, folder / QUERY_TOKENIZER)
    (folder / CONFIG).write_bytes(orjson.dumps(config.model_dump(exclude_defaults=True)) + b"\n")
    if source.build:
        (folder / MODEL).write_bytes(source.build(precision))
    elif source.model:
        for name in (source.model.name, *external_data(source.model)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.model.parent / name, folder / name)
    if source.weights:
        tokens = Pieces(folder / TOKENIZER, config.max_length).tokens()
        weights = source.weights(tokens)
        found = {token: float(weight) for token, weight in zip(tokens, weights, strict=True) if weight}
        (folder / WEIGHTS).write_bytes(orjson.dumps(found))
