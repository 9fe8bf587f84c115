"""Collect JSON objects, one per document, as vectors and columns."""

import json
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from seismic import SparseVectors, VectorError
from seismic_tools.readers.batch import (
    BY_TOKEN,
    TO_ENCODE,
    VECTOR_FIELDS,
    Reading,
    common_type,
    document_table,
    token_vectors,
    vector_field,
)


class Collector:
    """Collects the rows of one batch in arrays. `field`: the vector field of this file, if known."""

    def __init__(self, reading: Reading, field: str | None) -> None:
        self.reading, self.field = reading, field
        self.starts, self.components, self.weights = array("q", [0]), array("q"), array("d")
        self.columns: dict[str, list[Any]] = {}
        self.count = 0

    def add(self, document: dict[str, Any]) -> None:
        """Add a row: `id`, a vector in one of its forms, and other fields. VectorError names the row."""
        try:
            self._add(document)
        except VectorError as error:
            raise self.placed(error) from None
        self.count += 1

    def placed(self, error: VectorError) -> VectorError:
        """Return an error of the row that comes next, with its number."""
        return VectorError(error.problem, row=self.count, field=error.field)

    def _add(self, document: dict[str, Any]) -> None:
        field = vector_field(document, self.reading.texts, document)
        self.field = self.field or field
        if field != self.field:
            raise VectorError(f"found '{field}', expected '{self.field}' as on the lines before")
        if field == "indices":
            self._add_pairs(document["indices"], document["values"])
        elif field != TO_ENCODE:
            self._add_map(document[field], field)
        self.starts.append(len(self.components))
        for name, value in document.items():
            if name not in VECTOR_FIELDS:
                column = self.columns.setdefault(name, [])
                column.extend([None] * (self.count - len(column)))
                column.append(value)

    def _add_pairs(self, indices: Any, values: Any) -> None:
        for name, numbers, kinds in (("indices", indices, {int}), ("values", values, {int, float})):
            if not isinstance(numbers, list):
                raise VectorError(f"found {excerpt(numbers)}, expected a list of numbers", field=name)
            if not set(map(type, numbers)) <= kinds:
                wrong = next(number for number in numbers if type(number) not in kinds)
                raise VectorError(f"found {excerpt(wrong)}, expected {_NUMBERS[name]}", field=name)
        if len(indices) != len(values):
            raise VectorError(f"found {len(indices)} indices and {len(values)} values, expected equal numbers")
        try:
            self.components.extend(indices)
        except OverflowError:
            raise VectorError(f"found component {max(indices)}, which is too large", field="indices") from None
        self.weights.extend(values)

    def _add_map(self, weights: Any, field: str) -> None:
        if not isinstance(weights, Mapping):
            raise VectorError(f"found {excerpt(weights)}, expected an object from token to weight", field=field)
        if not set(map(type, weights.values())) <= {int, float}:
            token, wrong = next((t, w) for t, w in weights.items() if type(w) not in (int, float))
            raise VectorError(f"found {excerpt(wrong)} as weight of {token!r}, expected a number", field=field)
        try:
            self.components.extend(map(self.reading.tokens.__getitem__, weights))
        except KeyError as error:
            raise VectorError(f"token {error.args[0]!r} is not in the vocabulary", field=field) from None
        self.weights.extend(weights.values())

    def vectors(self, documents: pa.Table) -> SparseVectors:
        """Return the checked vectors, or those of the encoded texts; errors name the row of the batch."""
        if self.reading.texts and self.field == TO_ENCODE:
            return self.reading.texts.vectors(documents)
        starts, components = np.frombuffer(self.starts, np.int64), np.frombuffer(self.components, np.int64)
        weights = np.frombuffer(self.weights, np.float64)
        if self.field in BY_TOKEN:
            return token_vectors(starts, components, weights, self.reading, self.field)
        dimension, repair = self.reading.dimension, self.reading.repair
        return SparseVectors.from_arrays(starts, components, weights, dimension, repair=repair)

    def documents(self, known: dict[str, pa.DataType]) -> pa.Table:
        """Return the other fields as columns. `known`: columns of the file so far and their types; updated."""
        arrays = {}
        for name in [*known, *(name for name in self.columns if name not in known)]:
            values = self.columns.get(name, [])
            values.extend([None] * (self.count - len(values)))
            arrays[name] = _column(name, values, known.get(name, pa.null()))
            known[name] = arrays[name].type
        return document_table(arrays)


_NUMBERS = {"indices": "an integer", "values": "a number"}


def _column(name: str, values: list[Any], known: pa.DataType) -> pa.Array:
    """Return `values` as an array of the common type of `known` and their own."""
    try:
        array = pa.array(values)
        return array.cast(common_type(known, array.type))
    except (pa.ArrowException, OverflowError):
        pass  # the loop finds the value that does not fit
    kind = known
    for row, value in enumerate(values):
        try:
            kind = common_type(kind, pa.array([value]).type)
        except (pa.ArrowException, OverflowError):
            raise VectorError(f"found {excerpt(value)}, expected {kind} as before", row=row, field=name) from None
    raise VectorError(f"found integers that {kind} cannot hold exactly; write them as strings", field=name)


def excerpt(value: Any) -> str:
    """Return a value as short JSON for messages."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
