"""The modules of a folder that sentence-transformers saved, and models of kinds that are no sparse encoders."""

from pathlib import Path
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic.encoders.json_files import read_list, read_object
from seismic.errors import EncoderError

MODULES, SETTINGS, ROUTER = "modules.json", "config_sentence_transformers.json", "router_config.json"
LIBRARY = "sentence_transformers."

KINDS = {
    "SentenceTransformer": "a model of dense vectors",
    "CrossEncoder": "a cross-encoder, which reranks and has no vectors",
    "MultiVectorEncoder": "a model of several dense vectors per text",
}
"""What `model_type` in config_sentence_transformers.json says, if not SparseEncoder."""

EXPECTED = "expected a SparseEncoder or a masked language model trained as SPLADE"


class Module(NamedTuple):
    """A module: the name of its class, and its folder."""

    kind: str
    folder: Path


def refuse_other_kinds(folder: Path, settings: dict[str, Any], network: dict[str, Any]) -> None:
    """Raise EncoderError for models that have no sparse vectors, or compare them otherwise."""
    kind = settings.get("model_type", "SparseEncoder")
    if kind != "SparseEncoder":
        raise EncoderError(f"{folder}: found {KINDS.get(kind, 'a ' + excerpt(kind))}, {EXPECTED}")
    similarity = settings.get("similarity_fn_name")
    if similarity not in (None, "dot"):
        raise EncoderError(
            f"{folder / SETTINGS}: similarity_fn_name: found {excerpt(similarity)}, expected 'dot', since searches "
            "rank by inner products"
        )
    if (folder / MODULES).exists():
        return
    if not network:
        raise EncoderError(f"{folder}: found neither {MODULES} nor config.json, {EXPECTED}")
    if (folder / "idf.json").exists():
        raise EncoderError(
            f"{folder}: found idf.json, weights of queries, but no {MODULES} that says how to use it; take the model's "
            "revision for sentence-transformers, or write encoder.json"
        )
    names = network.get("architectures") or []
    if not isinstance(names, list) or not any(str(name).endswith("ForMaskedLM") for name in names):
        if any(str(name).endswith("ForSequenceClassification") for name in names):
            raise EncoderError(f"{folder}: found {KINDS['CrossEncoder']}, {EXPECTED}")
        raise EncoderError(
            f"{folder}: found the architectures {excerpt(names)} in config.json, expected one that ends with "
            "ForMaskedLM: a masked language model trained as SPLADE"
        )


def chains(folder: Path) -> tuple[list[Module], list[Module]]:
    """Return the modules that encode documents, and those that encode queries, in order.

    Raises EncoderError for modules that need code of their own, and for dense models.
    """
    if not (folder / MODULES).exists():
        alone = [Module("Transformer", folder)]
        return alone, alone
    path = folder / MODULES
    modules = [
        Module(_class(path, entry.get("type")), _inside(path, folder, entry.get("path", "")))
        for entry in read_list(path)
    ]
    kinds = [module.kind for module in modules]
    if "Router" in kinds or "Asym" in kinds:
        if len(modules) > 1:
            raise EncoderError(f"{path}: found the modules {', '.join(kinds)}, expected a Router alone")
        return _routes(modules[0].folder)
    if "SpladePooling" not in kinds and "SparseStaticEmbedding" not in kinds and "SparseAutoEncoder" not in kinds:
        raise EncoderError(
            f"{path}: found the modules {', '.join(kinds) or 'none'}, {EXPECTED}: modules like these make dense vectors"
        )
    return modules, modules


def _routes(folder: Path) -> tuple[list[Module], list[Module]]:
    path = folder / ROUTER if (folder / ROUTER).exists() else folder / "config.json"
    config = read_object(path)
    types, structure, parameters = (config.get(name, {}) for name in ("types", "structure", "parameters"))
    if not all(isinstance(one, dict) for one in (types, structure, parameters)):
        raise EncoderError(f"{path}: found no objects types, structure and parameters, expected those of a Router")
    if parameters.get("route_mappings"):
        raise EncoderError(f"{path}: found route_mappings, expected the routes query and document alone")
    found = []
    for task in ("document", "query"):
        names = structure.get(task, structure.get(parameters.get("default_route") or ""))
        if not isinstance(names, list) or not all(isinstance(name, str) and name in types for name in names):
            raise EncoderError(
                f"{path}: found the routes {', '.join(structure) or 'none'}, expected query and document"
            )
        found.append([Module(_class(path, types[name]), _inside(path, folder, name)) for name in names])
    return found[0], found[1]


def _class(path: Path, name: Any) -> str:
    """Return the last part of a class's name."""
    if not isinstance(name, str) or not name.startswith(LIBRARY):
        raise EncoderError(
            f"{path}: found a module of the class {excerpt(name)}, expected one of sentence_transformers; other code "
            "is never run here"
        )
    return name.rpartition(".")[2]


def _inside(path: Path, folder: Path, name: Any) -> Path:
    """Return the folder of a module, which must lie in that of the model."""
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise EncoderError(f"{path}: found the path {excerpt(name)} of a module, expected a folder beside it")
    return folder / name if name else folder
