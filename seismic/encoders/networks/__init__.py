"""Models in ONNX, built from saved weights without a deep-learning framework. Needs the extra `convert`."""

from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from seismic.encoders.config import Activation, Pooling, Precision
from seismic.encoders.json_files import read_object
from seismic.encoders.networks.graph import Graph, Weights
from seismic.encoders.networks.modern_bert import ModernBert
from seismic.encoders.networks.post_norm import Bert, DistilBert, Roberta
from seismic.errors import EncoderError

FAMILIES: dict[str, type[Bert | ModernBert]] = {
    "bert": Bert,
    "distilbert": DistilBert,
    "roberta": Roberta,
    "xlm-roberta": Roberta,
    "camembert": Roberta,
    "modernbert": ModernBert,
}
"""Supported networks, by model_type in config.json."""

HALVED_BYTES = 1 << 30
"""Weights above are loaded as float16, to bound the memory and because ONNX files end at 2 GiB."""


def build_model(folder: Path, pooling: Pooling, activation: Activation, precision: Precision | None = None) -> bytes:
    """Return the model of a folder with `config.json` and `model.safetensors` in ONNX.

    `precision` None: float32, or float16 for weights above a GiB. Raises EncoderError if the network is not supported.
    """
    config = read_object(folder / "config.json")
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise EncoderError(
            f"{folder}: found a network of type {kind!r}, expected one of {', '.join(FAMILIES)}; export it as "
            "onnx/model.onnx into the folder"
        )
    weights = read_tensors(folder / "model.safetensors")
    if precision is None:
        precision = "float16" if 4 * sum(one.size for one in weights.values()) > HALVED_BYTES else "float32"
    try:
        network = FAMILIES[kind].model_validate(config)
        return network.model(Graph(weights, precision), pooling, activation)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        found = "" if problem["type"] == "missing" else f" (found {problem['input']!r})"
        raise EncoderError(f"{folder / 'config.json'}: {place}: {problem['msg'].lower()}{found}") from None
    except EncoderError as error:
        raise EncoderError(f"{folder}: {error}") from None


def read_tensors(path: Path) -> Weights:
    """Return the arrays of a safetensors file by name. Raises EncoderError."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise EncoderError(f"{path}: cannot be read as weights: {error}") from None
