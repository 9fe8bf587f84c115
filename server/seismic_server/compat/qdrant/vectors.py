"""Named sparse vectors: the names that a collection has, and vectors of requests and of answers."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from seismic import Index, InputError
from seismic.conversion.plain import excerpt
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.shown import shown_by_field
from seismic.view.view import View

DEFAULT = "text"
"""The name of the vector of a collection that was made without names."""

_DENSE = "dense vectors are not supported: this service searches sparse vectors, {'indices', 'values'}"


class Sparse(NamedTuple):
    """A sparse vector, without zeros."""

    indices: list[int]
    values: list[float]


class Text(NamedTuple):
    """A text for the encoder of the collection."""

    text: str


def names_of(view: View) -> list[str]:
    """Return the names of a collection's sparse vectors."""
    return [field.name for field in view.fields] or [DEFAULT]


def encoder_of(view: View, name: str) -> str | None:
    """Return the name of the encoder of a vector, or None."""
    entry = next((field.encoder for field in view.fields if field.name == name), view.manifest.encoder)
    return None if entry is None else PurePath(entry.name).name


def check_using(using: str | None, view: View, where: str = "using") -> str:
    """Return the name of the vector that a request names. Raises InputError."""
    names = names_of(view)
    if using not in names:
        raise InputError(f"{where}: Not existing vector name {excerpt(using)}, expected {', '.join(map(repr, names))}")
    return using


def read_vector(content: Any, where: str, encoder: str | None) -> Sparse | Text:
    """Return a vector of a request. `encoder`: the name of the collection's. Raises InputError."""
    if isinstance(content, list):
        raise InputError(f"{where}: {_DENSE}")
    if not isinstance(content, dict):
        raise InputError(f"{where}: found {excerpt(content)}, expected an object with 'indices' and 'values'")
    if "text" in content:
        return _text(content, where, encoder)
    if content.keys() != {"indices", "values"}:
        found = ", ".join(map(str, content))[:100]
        raise InputError(f"{where}: found an object with {found or 'nothing'}, expected 'indices' and 'values'")
    indices, values = content["indices"], content["values"]
    if not isinstance(indices, list) or not isinstance(values, list) or len(indices) != len(values):
        raise InputError(f"{where}: found other than two lists of equal lengths, expected indices and their values")
    if not all(type(one) is int and 0 <= one < 1 << 32 for one in indices):
        wrong = next(one for one in indices if type(one) is not int or not 0 <= one < 1 << 32)
        raise InputError(f"{where}.indices: found {excerpt(wrong)}, expected integers from 0 to 4294967295")
    if not all(type(one) in (int, float) and one >= 0 for one in values):
        wrong = next(one for one in values if type(one) not in (int, float) or not one >= 0)
        raise InputError(f"{where}.values: found {excerpt(wrong)}, expected numbers; negative ones are not supported")
    if len(set(indices)) < len(indices):
        raise InputError(f"{where}.indices: found one twice, expected each once")
    pairs = [(index, float(value)) for index, value in zip(indices, values, strict=True) if value]
    return Sparse([index for index, _ in pairs], [value for _, value in pairs])


def _text(content: Mapping[str, Any], where: str, encoder: str | None) -> Text:
    """Return the text of an object that a client makes of `models.Document`."""
    text, model, options = content["text"], content.get("model"), content.get("options")
    if not isinstance(text, str) or not isinstance(model, str) or content.keys() - {"text", "model", "options"}:
        raise InputError(f"{where}: found {excerpt(content)}, expected 'text' and 'model'")
    if encoder is None:
        raise InputError(f"{where}: the collection has no encoder for a text, send 'indices' and 'values'")
    if options:
        raise InputError(f"{where}.options: options of the encoder are not supported; it has those of the collection")
    if model.rpartition("/")[2].casefold() != encoder.casefold():
        raise InputError(f"{where}.model: found {excerpt(model)}, expected '{encoder}', the encoder of the collection")
    return Text(text)


def read_vectors(content: Any, where: str, view: View) -> dict[str, Sparse | Text]:
    """Return the vectors of a point by name; none of a point without. Raises InputError."""
    if content is None or content == {}:
        return {}
    names = names_of(view)
    if isinstance(content, list):
        raise InputError(f"{where}: {_DENSE}")
    if not isinstance(content, dict) or content.keys() == {"indices", "values"} or {"text", "model"} <= content.keys():
        raise InputError(f"{where}: found a vector without a name, expected it by name: {', '.join(names)}")
    found = {}
    for name, vector in content.items():
        if isinstance(vector, list):
            raise InputError(f"{where}.{name}: {_DENSE}")
        check_using(name, view, where)
        found[name] = read_vector(vector, f"{where}.{name}", encoder_of(view, name))
    return found


def shown_vectors(index: Index, numbers: Sequence[int], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the vectors of documents by name. A document without one has none."""
    stored, vocabulary = index.vectors(numbers), index.vocabulary
    if isinstance(vocabulary, JoinedVocabulary):
        shown = shown_by_field(vocabulary, stored)
        return [{name: vector for name, vector in one.items() if name in names} for one in shown]
    if not names:
        return [{} for _ in numbers]
    (name,) = names
    rows = (stored[row] for row in range(len(stored)))
    return [
        {name: {"indices": components.tolist(), "values": values.tolist()}} if len(components) else {}
        for components, values in rows
    ]
