"""What an encoder is loaded from: a folder with encoder.json, or one that a library saved.

With encoder.json there are tokenizer.json, and model.onnx or idf.json or both. The weights of idf.json encode queries;
the model then encodes documents only. query_tokenizer.json splits queries for those weights, if it is there.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import xxhash

from seismic.encoders.config import Config, Precision, read_config
from seismic.encoders.saved import TENSORS, Saved, is_saved, read_saved
from seismic.encoders.weights import read_weights
from seismic.errors import EncoderError
from seismic.extras import explain
from seismic.vectors import MAX_VALUE

CONFIG, TOKENIZER, MODEL, WEIGHTS = "encoder.json", "tokenizer.json", "model.onnx", "idf.json"
QUERY_TOKENIZER = "query_tokenizer.json"
FILES = CONFIG, TOKENIZER, MODEL, WEIGHTS, QUERY_TOKENIZER

Weights: TypeAlias = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Build: TypeAlias = Callable[[Precision | None], bytes]


class Source(NamedTuple):
    """What an encoder is loaded from.

    ``model``: the file of the network; ``build`` makes the model in ONNX of it, with matrices stored as `float16`,
    `float32` or as fits; None: it is one. ``weights``: reads the weights of queries for these tokens. ``files``: those
    that decide the vectors, by name in the hash. ``dimension``: the number of components, if the folder says it.
    ``query_tokenizer``: splits queries for the weights, if not as ``tokenizer`` does.
    """

    config: Config
    tokenizer: Path
    model: Path | None
    build: Build | None
    weights: Weights | None
    files: dict[str, Path]
    query_tokenizer: Path | None = None
    described: str = ""
    dimension: int | None = None

    def hash(self) -> str:
        """Return the xxh3-128 of what decides the vectors, as hexadecimal digits."""
        digest = xxhash.xxh3_128(self.described.encode())
        for name, path in self.files.items():
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
        return digest.hexdigest()


def read_source(folder: Path, exports: bool = True) -> Source:
    """Read a folder; without `exports`, a saved model's export in ONNX is ignored.

    Raises EncoderError for files that are missing or damaged, and for models of other kinds.
    """
    if not (folder / CONFIG).exists() and is_saved(folder):
        return _of_saved(folder, read_saved(folder, exports))
    config = read_config(folder / CONFIG)
    model = folder / MODEL if (folder / MODEL).exists() else None
    weights = partial(read_weights, folder / WEIGHTS) if (folder / WEIGHTS).exists() else None
    names = [*FILES, *(external_data(model) if model else [])]
    files = {name: folder / name for name in names if (folder / name).exists()}
    own = folder / QUERY_TOKENIZER if (folder / QUERY_TOKENIZER).exists() else None
    return Source(config, folder / TOKENIZER, model, None, weights, files, own)


def _of_saved(folder: Path, saved: Saved) -> Source:
    weights = partial(_static_weights, saved.static / TENSORS) if saved.static else None
    files = {path.relative_to(folder).as_posix(): path for path in saved.files()}
    config = saved.config
    if saved.exported:
        names = [saved.exported.name, *external_data(saved.exported)]
        files |= {f"onnx/{name}": saved.exported.parent / name for name in names}
        source = Source(config, saved.tokenizer, saved.exported, None, weights, files)
    else:
        build = partial(_build, saved.transformer, config)
        if config.pooling == "sum":  # the network that we build adds up activations itself
            rest = config.model_dump(exclude={"activation", "pooling"})
            config = Config(**{**rest, "output": "weights"})
        source = Source(config, saved.tokenizer, saved.transformer / TENSORS, build, weights, files)
    return source._replace(
        query_tokenizer=saved.query_tokenizer, described=saved.config.model_dump_json(), dimension=saved.dimension
    )


def _build(transformer: Path, config: Config, precision: Precision | None) -> bytes:
    networks = import_networks()
    model: bytes = networks.build_model(transformer, config.pooling, config.activation, precision)
    return model


def import_networks() -> Any:
    """Import what builds models. Raises EncoderError without the extra `convert`."""
    try:
        return import_module("seismic.encoders.networks")
    except ImportError as error:
        raise EncoderError(explain(error) or str(error)) from None


def _static_weights(path: Path, tokens: Sequence[str]) -> npt.NDArray[np.float32]:
    """Read float32 [len(tokens)] from the tensor `weight` of a SparseStaticEmbedding."""
    found = import_networks().read_tensors(path).get("weight")
    if found is None or found.ndim != 1 or len(found) > len(tokens):
        shape = "none" if found is None else f"the shape {list(found.shape)}"
        raise EncoderError(
            f"{path}: weight: found {shape}, expected at most {len(tokens)} numbers, one per component of the model"
        )
    weights = np.zeros(len(tokens), np.float32)
    weights[: len(found)] = found
    wrong = np.flatnonzero(~((weights >= 0) & (weights <= MAX_VALUE)))
    if wrong.size:
        token, weight = tokens[wrong[0]], weights[wrong[0]]
        raise EncoderError(f"{path}: found the weight {weight:g} of {token!r}, expected 0 to {MAX_VALUE:g}")
    return weights


def external_data(model: Path) -> list[str]:
    """Return the other files that a model names, such as model.onnx.data: they hold its weights."""
    content, folder = model.read_bytes(), model.parent
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(name for name in names if name not in FILES and name.encode() in content)
