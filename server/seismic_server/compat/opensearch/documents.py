"""Documents of OpenSearch as vectors and payloads, and back."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from seismic import Index, InputError
from seismic.conversion.plain import excerpt
from seismic.encoders import joined
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.shown import shown_by_field
from seismic.vectors import MAX_VALUE, MIN_VALUE
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields, Sparse
from seismic_server.compat.opensearch.source import Source
from seismic_server.compat.payload import payloads_of
from seismic_server.schemas.bodies import DocumentIn, NamedVector

LEAST, MOST = float(MIN_VALUE), float(MAX_VALUE)
"""Smallest and largest weight."""

MOST_COMPONENT = (1 << 32) - 1
LONGEST_ID = 512
"""Bytes of the longest id, as in OpenSearch."""


def wrong_document(reason: str) -> RefusedError:
    """Return the error of a document that cannot be stored."""
    return RefusedError(reason, "mapper_parsing_exception")


def to_id(id: str, fields: Fields) -> Any:
    """Return the id of a document to store. Raises RefusedError."""
    if len(id.encode(errors="replace")) > LONGEST_ID or not id:
        raise RefusedError(f"id: found {excerpt(id)}, expected 1 to {LONGEST_ID} bytes")
    known = fields.known_ids([id])
    if not known:
        raise RefusedError(f"id: found {excerpt(id)}, expected {fields.id}, as ids of this collection are")
    return known[0]


def split(source: Mapping[str, Any], fields: Fields) -> tuple[dict[str, Any], dict[str, dict[Any, float]]]:
    """Return the payload and the vectors of a document: field -> token or component -> weight. Raises RefusedError."""
    payload = {name: value for name, value in source.items() if name not in fields.vectors}
    vectors = {
        name: vector_of(name, source[name], kind)
        for name, kind in fields.vectors.items()
        if source.get(name) is not None
    }
    return payload, vectors


def vector_of(name: str, value: Any, kind: Sparse) -> dict[Any, float]:
    """Return a sparse vector: token or component -> weight. Raises RefusedError."""
    if not isinstance(value, dict):
        expected = "expected an object of token and weight"
        raise wrong_document(f"failed to parse field [{name}] of type [{kind}]: found {excerpt(value)}, {expected}")
    vector: dict[Any, float] = {}
    for token, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not LEAST <= weight <= MOST:
            found = f"token {excerpt(token)}: found weight {excerpt(weight)}"
            expected = f"expected a number from {LEAST:g} to {MOST:g}"
            raise wrong_document(f"failed to parse field [{name}] of type [{kind}]: {found}, {expected}")
        vector[token if kind == "rank_features" else component_of(token, f"field [{name}]")] = float(weight)
    if len(vector) < len(value):
        raise wrong_document(f"failed to parse field [{name}] of type [{kind}]: found a component twice")
    return vector


def component_of(token: str, where: str) -> int:
    """Return the component that a token of a `sparse_vector` names. Raises RefusedError."""
    if token.isascii() and token.isdecimal() and len(token) <= 10 and int(token) <= MOST_COMPONENT:
        return int(token)
    expected = f"expected integers from 0 to {MOST_COMPONENT} as text"
    raise wrong_document(f"{where} of type [sparse_vector]: found token {excerpt(token)}, {expected}")


def sources_of(index: Index, numbers: Sequence[int], source: Source, fields: Fields) -> list[dict[str, Any]]:
    """Return what to show of documents, by number. Weights are those stored, with 16 bits."""
    documents = payloads_of(index.view, numbers)
    shown = [name for name in fields.vectors if source.shows(name)]
    if shown:
        for document, vectors in zip(documents, vectors_of(index, numbers, fields), strict=True):
            document.update({name: vectors[name] for name in shown if name in vectors})
    return [source.of(document) for document in documents]


def vectors_of(index: Index, numbers: Sequence[int], fields: Fields) -> list[dict[str, dict[str, float]]]:
    """Return the stored vectors of documents by field, as token -> weight; nothing for a field without any."""
    stored, vocabulary = index.vectors(numbers), index.vocabulary
    if isinstance(vocabulary, JoinedVocabulary):
        return [*map(_by_token, shown_by_field(vocabulary, stored, tokens=True))]
    (name,) = fields.vectors
    components, weights = stored.components.tolist(), shortest(stored.values)
    tokens = [str(vocabulary.token(one)) for one in components] if vocabulary is not None else [*map(str, components)]
    found: list[dict[str, dict[str, float]]] = []
    for first, last in pairwise(stored.indptr.tolist()):
        vector = dict(zip(tokens[first:last], weights[first:last], strict=True))
        found.append({name: vector} if vector else {})
    return found


def _by_token(shown: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the vectors of several fields, as token -> weight."""
    found = {}
    for name, vector in shown.items():
        pairs = vector["tokens"] if "tokens" in vector else dict(zip(vector["indices"], vector["values"], strict=True))
        weights = shortest(np.array([*pairs.values()], np.float32))
        found[name] = dict(zip(map(str, pairs), weights, strict=True))
    return found


def shortest(values: npt.NDArray[np.float32]) -> list[float]:
    """Return values of 32 bits as the numbers with the fewest digits: 0.2, not 0.20000000298023224."""
    listed: list[float] = orjson.loads(orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY))
    return listed


def to_times(row: dict[str, Any], schema: pa.Schema) -> None:
    """Turn milliseconds since 1970 into texts where a column has times. Raises InputError."""
    for name, value in row.items():
        at = schema.get_field_index(name)
        if at >= 0 and pa.types.is_timestamp(schema.field(at).type) and type(value) is int:
            try:
                row[name] = pa.scalar(value, pa.timestamp("ms", "UTC")).as_py().isoformat()
            except (ValueError, OverflowError):
                raise InputError(f"field '{name}': found {value}, expected a date or milliseconds since 1970") from None


def document_in(id: Any, source: Any, fields: Fields, *, encoded: bool = False) -> DocumentIn:
    """Return a document of a request. `encoded`: with texts for the encoders of fields whose vectors it lacks.

    Raises RefusedError.
    """
    if not isinstance(source, dict):
        raise wrong_document(f"found {type(source).__name__}, expected an object")
    payload, vectors = split(source, fields)
    parts = {name: _form(weights, fields.vectors[name]) for name, weights in vectors.items()}
    if len(fields.vectors) > 1:
        texts = {name: {"text": text} for name, text in texts_of(payload, vectors, fields).items()} if encoded else {}
        named = {name: NamedVector.model_construct(**part) for name, part in {**parts, **texts}.items()}
        return DocumentIn.model_construct(id=id, payload=payload, fields=named)
    vector: dict[str, Any] = next(iter(parts.values()), {})
    return DocumentIn.model_construct(id=id, payload=payload, **vector)


def texts_of(payload: Mapping[str, Any], given: Collection[str], fields: Fields) -> dict[str, str]:
    """Return the texts for the encoders of fields that are not `given`, by field. Raises RefusedError."""
    texts = {}
    for name, columns in fields.texts.items():
        found = [payload.get(column) for column in columns]
        if name in given or not any(found):
            continue
        if wrong := [one for one in found if not (one is None or isinstance(one, str))]:
            raise wrong_document(f"failed to encode field [{name}]: found {excerpt(wrong[0])}, expected a text")
        texts[name] = joined(found)
    return texts


def _form(weights: Mapping[Any, float], kind: Sparse) -> dict[str, Any]:
    if kind == "rank_features":
        return {"tokens": weights}
    return {"indices": list(weights), "values": list(weights.values())}


def check_update(body: Mapping[str, Any]) -> None:
    """Raise RefusedError unless the body of an update merges a document."""
    for name in body:
        if name not in ("doc", "doc_as_upsert", "upsert", "detect_noop"):
            hint = "scripts are not supported, expected doc" if name == "script" else "expected doc, upsert"
            raise RefusedError(f"update: field '{name}': {hint}", "action_request_validation_exception")
    if not isinstance(body.get("doc", {}), dict) or not isinstance(body.get("upsert", {}), dict):
        raise RefusedError("update: found no object in doc or upsert", "action_request_validation_exception")
    if "doc" not in body:
        raise RefusedError("update: doc is missing", "action_request_validation_exception")


def merge(before: Mapping[str, Any], doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with another merged into it: objects field by field, everything else replaced."""
    merged = dict(before)
    for name, value in doc.items():
        old = merged.get(name)
        merged[name] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
