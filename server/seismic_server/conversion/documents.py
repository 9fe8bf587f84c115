"""Documents of a request as vectors and a table, checked against the collection. Errors name row and field."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from seismic import InputError, SparseVectors, VectorError
from seismic.changes.evolution import TokenMap
from seismic.changes.records import Change, Rules, Upsert, split_by_payload, upsert_changes
from seismic_server.conversion.named import join_named
from seismic_server.conversion.payloads import to_column
from seismic_server.conversion.types import to_evolving_column
from seismic_server.schemas.bodies import DocumentIn
from seismic_server.schemas.changes import PatchIn


def to_upserts(documents: Sequence[DocumentIn], rules: Rules) -> tuple[list[Change], SparseVectors]:
    """Return the changes of a request, and all its vectors; `rules` map the tokens to components. Raises InputError.

    Documents without a payload keep the one they have. New tokens, components and columns precede the documents.
    """
    ids = to_column("id", [document.id for document in documents], rules.schema.field("id").type)
    payloads = [_payload(row, document, rules) for row, document in enumerate(documents)]
    grown: list[Change]
    if len(rules.fields) > 1:
        names = [field.name for field in rules.fields]
        grown, vectors = join_named(documents, range(len(documents)), names, rules)
    else:
        tokens = TokenMap(rules)
        vectors, grown = vectors_of(documents, tokens), [*tokens.growth()]
    changes = upsert_changes(vectors, pa.table({"id": ids, **_columns(payloads, rules)}), rules.after(grown))
    *needed, upsert = changes
    assert isinstance(upsert, Upsert)
    parts = split_by_payload(upsert, np.array([payload is not None for payload in payloads]))
    return [*grown, *needed, *parts], upsert.vectors


def _columns(payloads: Sequence[dict[str, Any] | None], rules: Rules) -> dict[str, pa.Array]:
    """Return the columns of the collection, with the values of the payloads, and those that only the payloads have."""
    columns = {}
    for field in list(rules.schema)[1:]:
        values = [(payload or {}).get(field.name) for payload in payloads]
        columns[field.name] = to_evolving_column(field.name, values, field.type, strict=rules.strict)
    for row, payload in enumerate(payloads):
        for name in payload or ():
            if name == "id" or (rules.strict and name not in columns):
                known = ", ".join(column for column in rules.schema.names if column != "id")
                raise InputError(f"row {row}, field '{name}': unknown payload column, expected one of {known}")
            if name not in columns:
                values = [(payload or {}).get(name) for payload in payloads]
                columns[name] = to_evolving_column(name, values, pa.null(), strict=False)
    return columns


def _payload(row: int, document: DocumentIn, rules: Rules) -> dict[str, Any] | None:
    """Return the payload, with the text unless a strict collection has no column for it; None if there is neither."""
    if document.text is None or (rules.strict and "text" not in rules.schema.names):
        return document.payload if "payload" in document.model_fields_set else None
    if "text" in document.payload:
        raise VectorError("found in the document and in its payload, expected only one of them", row=row, field="text")
    return {**document.payload, "text": document.text}


def vectors_of(documents: Sequence[DocumentIn | PatchIn], known: TokenMap) -> SparseVectors:
    """Return the vector of each document, empty for one without. Raises VectorError."""
    indptr, components, values = [0], [], []
    for row, document in enumerate(documents):
        if document.tokens is not None:
            numbers, weights = _components(row, document.tokens, known), list(document.tokens.values())
        else:
            numbers, weights = document.indices or [], document.values or []
        order = np.argsort(numbers, kind="stable")
        components.append(np.array(numbers, np.int64)[order])
        values.append(np.array(weights, np.float64)[order])
        indptr.append(indptr[-1] + len(numbers))
    return SparseVectors.from_arrays(indptr, np.concatenate(components), np.concatenate(values))


def _components(row: int, tokens: dict[str, float], known: TokenMap) -> list[int]:
    if not known.exists:
        raise VectorError("this collection has no vocabulary; send indices and values", row=row, field="tokens")
    components = []
    for token in tokens:
        component = known.component(token)
        if component is None:
            raise VectorError(f"found {token!r}, expected tokens of the vocabulary", row=row, field="tokens")
        components.append(component)
    return components
