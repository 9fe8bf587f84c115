"""Documents of a request as vectors and a table, checked against the collection. Errors name row and field."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from seismic import InputError, SparseVectors, VectorError, Vocabulary
from seismic.changes.records import Rules, Upsert, check_upsert
from seismic_server.conversion.payloads import to_column
from seismic_server.schemas.bodies import DocumentIn


def to_upsert(documents: Sequence[DocumentIn], vocabulary: Vocabulary | None, rules: Rules) -> Upsert:
    """Return the change that inserts or replaces documents. Raises InputError."""
    ids = to_column("id", [document.id for document in documents], rules.schema.field("id").type)
    names = dict.fromkeys(name for document in documents for name in document.payload)
    for name in names:
        if name not in rules.schema.names or name == "id":
            row = next(row for row, document in enumerate(documents) if name in document.payload)
            known = ", ".join(column for column in rules.schema.names if column != "id")
            raise InputError(f"row {row}, field '{name}': unknown payload column, expected one of {known}")
    columns = {
        name: to_column(name, [document.payload.get(name) for document in documents], rules.schema.field(name).type)
        for name in names
    }
    return check_upsert(_vectors(documents, vocabulary), pa.table({"id": ids, **columns}), rules)


def _vectors(documents: Sequence[DocumentIn], vocabulary: Vocabulary | None) -> SparseVectors:
    indptr, components, values = [0], [], []
    for row, document in enumerate(documents):
        if document.tokens is not None:
            numbers, weights = _components(row, document.tokens, vocabulary), list(document.tokens.values())
        else:
            numbers, weights = document.indices or [], document.values or []
        order = np.argsort(numbers, kind="stable")
        components.append(np.array(numbers, np.int64)[order])
        values.append(np.array(weights, np.float64)[order])
        indptr.append(indptr[-1] + len(numbers))
    return SparseVectors.from_arrays(indptr, np.concatenate(components), np.concatenate(values))


def _components(row: int, tokens: dict[str, float], vocabulary: Vocabulary | None) -> list[int]:
    if vocabulary is None:
        raise VectorError("this collection has no vocabulary; send indices and values", row=row, field="tokens")
    components = []
    for token in tokens:
        component = vocabulary.component(token)
        if component is None:
            raise VectorError(f"found {token!r}, expected tokens of the vocabulary", row=row, field="tokens")
        components.append(component)
    return components
