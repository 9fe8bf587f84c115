"""Read the folder of a model as sentence-transformers saves a `SparseEncoder`, or transformers a masked language model.

A `SparseEncoder` is a list of modules: a transformer and `SpladePooling`, or a `Router` of `SparseStaticEmbedding` for
queries and those two for documents.
"""

from pathlib import Path
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic.encoders.config import Activation, Config, Pooling
from seismic.encoders.json_files import read_object
from seismic.encoders.modules import MODULES, SETTINGS, Module, chains, refuse_other_kinds
from seismic.errors import EncoderError

NETWORK, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
TRANSFORMER_CONFIG = "sentence_bert_config.json"
TENSORS, EXPORTED = "model.safetensors", "onnx/model.onnx"

NO_LIMIT = 1 << 20
"""Lengths above stand for no limit in tokenizer_config.json."""

ACTIVATIONS: dict[Any, Activation] = {"relu": "log1p", "log1p_relu": "double_log"}
"""Our name of an activation by that of SpladePooling."""

POOLINGS: dict[Any, Pooling] = {"max": "max", "sum": "sum"}

PROMPTS = {"query_prompt": "query", "document_prompt": "document"}
"""Names of the prompts that `encode_query` and `encode_document` use; they look at no other."""


class Saved(NamedTuple):
    """A saved model.

    ``config``: as if its output were that of an export, logits per piece. ``transformer``: the folder of the network;
    ``static``: that of the weights of queries, if they are encoded without the network. ``exported``: the network in
    ONNX, if the folder has it. ``dimension``: its number of components, if config.json says it.
    """

    config: Config
    transformer: Path
    static: Path | None
    exported: Path | None
    dimension: int | None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.transformer / TOKENIZER

    @property
    def query_tokenizer(self) -> Path | None:
        """The tokenizer's file of queries, if it splits texts in another way."""
        if self.static is None or _splits(self.static / TOKENIZER) == _splits(self.tokenizer):
            return None
        return self.static / TOKENIZER

    def files(self) -> list[Path]:
        """Return the files whose content decides the vectors, without exports in ONNX."""
        names = TOKENIZER, NETWORK, *(() if self.exported else (TENSORS,))
        static = [self.static / TENSORS] if self.static else []
        return [self.transformer / name for name in names] + static + [one for one in [self.query_tokenizer] if one]


def is_saved(folder: Path) -> bool:
    """Return whether a folder looks like a saved model, of whatever kind."""
    return any((folder / name).exists() for name in (MODULES, NETWORK, SETTINGS))


def read_saved(folder: Path, exports: bool = True) -> Saved:
    """Read a folder; without `exports`, its export in ONNX is ignored.

    Raises EncoderError for a model of another kind, and for files that are missing or damaged.
    """
    settings = read_object(folder / SETTINGS, optional=True)
    network = read_object(folder / NETWORK, optional=True)
    refuse_other_kinds(folder, settings, network)
    documents, queries = chains(folder)
    transformer, pooling = _model(folder, documents)
    static = None if queries == documents else _static(folder, queries)
    exported = transformer / EXPORTED if exports and (transformer / EXPORTED).exists() else None
    _check_files(transformer, static, exported)
    splade = read_object(pooling.folder / NETWORK) if pooling else {}
    config: dict[str, Any] = {
        **_lengths(transformer),
        "activation": _choice(pooling, splade, "activation_function", "relu", ACTIVATIONS),
        "pooling": _choice(pooling, splade, "pooling_strategy", "max", POOLINGS),
        **_prompts(folder / SETTINGS, settings),
    }
    if static:
        config |= {"special_weights": True, "query_length": _tokenizer_length(static)}
    if "max_active_dims" in settings and settings["max_active_dims"] is not None:
        config["max_active"] = _count(folder / SETTINGS, settings, "max_active_dims")
    dimension = _count(transformer / NETWORK, read_object(transformer / NETWORK), "vocab_size", None)
    return Saved(Config(**config), transformer, static, exported, dimension)


def _model(folder: Path, chain: list[Module]) -> tuple[Path, Module | None]:
    """Return the folder of the network of documents, and the module that pools; None: as SPLADE does."""
    match [module.kind for module in chain]:
        case ["Transformer" | "MLMTransformer", "SpladePooling"]:
            return chain[0].folder, chain[1]
        case ["Transformer"] if not (folder / MODULES).exists():
            return folder, None
    found = ", ".join(module.kind for module in chain)
    if any(module.kind == "SparseAutoEncoder" for module in chain):
        raise EncoderError(
            f"{folder}: found the modules {found}, expected a transformer and SpladePooling; encode texts with "
            "sentence-transformers, and build the collection from the vectors"
        )
    raise EncoderError(f"{folder}: found the modules {found} for documents, expected a transformer and SpladePooling")


def _static(folder: Path, chain: list[Module]) -> Path:
    kinds = [module.kind for module in chain]
    if kinds != ["SparseStaticEmbedding"]:
        raise EncoderError(
            f"{folder}: found the modules {', '.join(kinds)} for queries alone, expected SparseStaticEmbedding, or the "
            "same model for queries and documents"
        )
    return chain[0].folder


def _check_files(transformer: Path, static: Path | None, exported: Path | None) -> None:
    """Check that the files of the network and of the weights exist, and can be used without foreign code."""
    missing = [one for one in (transformer, static) if one and not (one / TOKENIZER).exists()]
    if missing:
        raise EncoderError(
            f"{missing[0]}: found no {TOKENIZER}, expected a fast tokenizer; write one with transformers: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    task = read_object(transformer / TRANSFORMER_CONFIG, optional=True).get("transformer_task", "fill-mask")
    if task != "fill-mask":
        raise EncoderError(
            f"{transformer / TRANSFORMER_CONFIG}: transformer_task: found {excerpt(task)}, expected 'fill-mask'"
        )
    network = read_object(transformer / NETWORK)
    if not exported and "auto_map" in network:
        raise EncoderError(
            f"{transformer / NETWORK}: found a network with code of its own (auto_map), which is never run here; "
            f"export it as {EXPORTED} into the folder"
        )
    for needed in [*([] if exported else [transformer]), *([static] if static else [])]:
        if not (needed / TENSORS).exists():
            raise EncoderError(_no_tensors(needed))


def _no_tensors(folder: Path) -> str:
    if (folder / "adapter_config.json").exists():
        return f"{folder}: found an adapter (adapter_config.json); merge it into its model and save that"
    if (folder / f"{TENSORS}.index.json").exists():
        return f"{folder}: found weights in several files, expected one {TENSORS}, or an export as {EXPORTED}"
    old = next(
        (name for name in ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack") if (folder / name).exists()), None
    )
    found = f"found {old} and no {TENSORS}" if old else f"found no {TENSORS}"
    return (
        f"{folder}: {found}; load the model with sentence-transformers and save it with save_pretrained, or export it "
        f"as {EXPORTED}"
    )


def _splits(path: Path) -> dict[str, Any]:
    """Return how a tokenizer splits texts: all but truncation, padding, and the special pieces around a text."""
    around = "truncation", "padding", "post_processor"
    return {name: part for name, part in read_object(path).items() if name not in around}


def _lengths(transformer: Path) -> dict[str, Any]:
    """Return `max_length`, `positions` and `lower_case` of a network."""
    network = read_object(transformer / NETWORK)
    own = read_object(transformer / TRANSFORMER_CONFIG, optional=True)
    positions = _count(transformer / NETWORK, network, "max_position_embeddings", None)
    if positions is not None and network.get("model_type") in ("roberta", "xlm-roberta", "camembert"):
        positions -= _padding(transformer / NETWORK, network) + 1
    wanted = _count(transformer / TRANSFORMER_CONFIG, own, "max_seq_length", None) or _tokenizer_length(transformer)
    lengths = [length for length in (wanted, positions) if length is not None]
    if not lengths:
        raise EncoderError(f"{transformer}: found neither max_position_embeddings nor max_seq_length, expected one")
    return {"max_length": min(lengths), "positions": positions, "lower_case": own.get("do_lower_case") is True}


def _padding(path: Path, network: dict[str, Any]) -> int:
    number = network.get("pad_token_id", 1)
    if type(number) is not int or number < 0:
        raise EncoderError(f"{path}: pad_token_id: found {excerpt(number)}, expected the number of a piece")
    return number


def _tokenizer_length(folder: Path) -> int | None:
    """Return the number of pieces at which a tokenizer truncates; None if it does not."""
    path = folder / TOKENIZER_CONFIG
    config = read_object(path, optional=True)
    side = config.get("truncation_side", "right")
    if side != "right":
        raise EncoderError(f"{path}: truncation_side: found {excerpt(side)}, expected 'right'")
    length = config.get("model_max_length")
    if length is None or (isinstance(length, int | float) and length > NO_LIMIT):
        return None
    limit: int = _count(path, config, "model_max_length")
    return limit


def _prompts(path: Path, settings: dict[str, Any]) -> dict[str, str]:
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict):
        raise EncoderError(f"{path}: prompts: found {excerpt(prompts)}, expected an object of texts")
    found = {}
    for field, name in PROMPTS.items():
        prompt = prompts.get(name)
        if prompt is not None and not isinstance(prompt, str):
            raise EncoderError(f"{path}: prompts: {name}: found {excerpt(prompt)}, expected text")
        found[field] = prompt or ""
    return found


def _choice(module: Module | None, config: dict[str, Any], name: str, default: str, choices: dict[Any, Any]) -> Any:
    value = config.get(name, default)
    if not isinstance(value, str) or value not in choices:
        place = module.folder / NETWORK if module else NETWORK
        raise EncoderError(f"{place}: {name}: found {excerpt(value)}, expected {' or '.join(choices)}")
    return choices[value]


def _count(path: Path, config: dict[str, Any], name: str, *default: None) -> Any:
    """Return a positive integer of a configuration; `default` if it is missing or null."""
    value = config.get(name)
    if value is None and default:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < 1:
        raise EncoderError(f"{path}: {name}: found {excerpt(value)}, expected a positive integer")
    return value
