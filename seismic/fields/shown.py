"""Vectors of several fields as answers show them."""

from typing import Any

from seismic.fields.joined import JoinedVocabulary
from seismic.vectors import SparseVectors


def shown_by_field(
    vocabulary: JoinedVocabulary, vectors: SparseVectors, *, tokens: bool = False
) -> list[dict[str, dict[str, Any]]]:
    """Return each vector as field -> {"indices", "values"}, or {"tokens"} for fields with tokens; own components.

    Fields that a vector does not have are left out.
    """
    shown: list[dict[str, dict[str, Any]]] = [{} for _ in range(len(vectors))]
    apart = vocabulary.apart(vectors)
    for field in vocabulary.fields:
        part, words = apart[field.name], vocabulary.parts[field.name].vocabulary
        for row in range(len(part)):
            components, values = (array.tolist() for array in part[row])
            if tokens and not field.numbered and components:
                shown[row][field.name] = {"tokens": dict(zip(map(words.token, components), values, strict=True))}
            elif components:
                shown[row][field.name] = {"indices": components, "values": values}
    return shown
