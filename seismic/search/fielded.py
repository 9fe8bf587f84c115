"""Queries of collections with named vectors.

A query names the fields that it searches, each with a part of its own, or is a text for all fields with an encoder. Its
parts become one query of the joined components: scaled by weight and inverse document frequency, and searched at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.conversion.plain import excerpt
from seismic.encoders import Encode, Encoded
from seismic.errors import InputError, ParameterError, QueryError
from seismic.fields.entry import FieldEntry, check_weight, named
from seismic.fields.joined import JoinedVocabulary
from seismic.query import MAX_COMPONENTS, Query, QueryLike, parse_query
from seismic.vectors import MAX_DIMENSION, MIN_VALUE
from seismic.view.view import View

KEYS = ("fields", "weights", "fusion")


class Weighing:
    """How a view weighs queries: its encoders and inverse document frequencies."""

    def __init__(self, view: View) -> None:
        self.view = view

    def encode_plain(self, texts: Sequence[str]) -> Encoded:
        """Encode queries of a collection without fields."""
        return self.view.encode_query(texts)

    def encode(self, field: FieldEntry, texts: Sequence[str]) -> Encoded:
        """Encode queries of a field, with its own components."""
        return self.view.field_encoder(field).encode_queries(texts)

    def idf(self, field: FieldEntry, components: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
        """Return float32 [n]: the inverse document frequencies of components."""
        return self.view.field_idf(field, components)


class FieldParser:
    """Parses queries of a collection with fields."""

    def __init__(self, view: View, weighing: Weighing) -> None:
        self._view, self._weighing, self._fields = view, weighing, {field.name: field for field in view.fields}
        self._weights = {field.name: field.weight for field in view.fields}
        self._fusion: Any = "sum"

    def parse(self, query: QueryLike) -> Query:
        """Return a query of joined components, without weights or inverse document frequencies. Raises QueryError."""
        if isinstance(query, Mapping) and "fields" in query:
            return self._named(query)
        if len(self._fields) == 1:
            (field,) = self._view.fields
            return self._part(field, query)
        if isinstance(query, Mapping) and query.keys() == {"text"}:
            query = query["text"]
        if not isinstance(query, str):
            names = named(self._view.fields)
            raise QueryError(
                f'found {excerpt(query)}, expected a text, or {{"fields": {{name: part}}}}, as the collection has the '
                f"fields {names}"
            )
        able = [field for field in self._view.fields if field.encoder]
        if not able:
            raise QueryError(f"text: none of the fields {named(self._view.fields)} has an encoder; give vectors")
        return self._together([self._part(field, query) for field in able])

    def weighed(self, query: Query) -> Query:
        """Return a query with each component scaled by the weight of its field, and by its frequency if asked."""
        by_field = self._by_field(query)
        frequencies, weights = np.ones(len(query.components)), np.ones(len(query.components))
        for field, chosen in by_field:
            weights[chosen] = self._weights[field.name]
            if field.idf:
                frequencies[chosen] = self._weighing.idf(field, query.components[chosen])
        whole = _scaled(query, frequencies * weights)
        if self._fusion == "sum":
            return whole
        scaled = ((_scaled(_chosen(query, at), frequencies[at]), self._weights[field.name]) for field, at in by_field)
        return whole._replace(runs=tuple((part, weight) for part, weight in scaled if weight and len(part.values)))

    def _by_field(self, query: Query) -> list[tuple[FieldEntry, npt.NDArray[np.intp]]]:
        """Return the places of each field's components in a query."""
        vocabulary = self._view.vocabulary
        if not isinstance(vocabulary, JoinedVocabulary):
            return [(self._view.fields[0], np.arange(len(query.components)))]
        places = vocabulary.field_of[query.components]
        return [(field, np.flatnonzero(places == at)) for at, field in enumerate(self._view.fields)]

    def _named(self, query: Mapping[Any, Any]) -> Query:
        if unknown := [key for key in query if key not in KEYS]:
            raise QueryError(f"found {excerpt(unknown[0])} next to fields, expected {' and '.join(KEYS[1:])}")
        parts, weights = query["fields"], query.get("weights")
        if not isinstance(parts, Mapping) or not parts:
            raise QueryError(f"fields: found {excerpt(parts)}, expected the part of each field to search, by name")
        for name in parts:
            self._check_known(name, "fields")
        self._weights |= self._given(weights, parts)
        self._fusion = query.get("fusion", "sum")
        if self._fusion not in ("sum", "rrf"):
            raise QueryError(f"fusion: found {excerpt(self._fusion)}, expected 'sum' or 'rrf'")
        return self._together([self._part(self._fields[name], part) for name, part in parts.items()])

    def _given(self, weights: Any, parts: Mapping[str, Any]) -> dict[str, float]:
        if not (weights is None or isinstance(weights, Mapping)):
            raise QueryError(f"weights: found {excerpt(weights)}, expected a number for each field")
        checked = {}
        for name, weight in (weights or {}).items():
            self._check_known(name, "weights")
            if name not in parts:
                raise QueryError(f"weights: found field '{name}', which the query does not search")
            try:
                checked[name] = check_weight(weight, f"weights: field '{name}'")
            except ParameterError as error:
                raise QueryError(str(error)) from None
        return checked

    def _check_known(self, name: Any, where: str) -> None:
        if not isinstance(name, str) or name not in self._fields:
            raise QueryError(f"{where}: found field {excerpt(name)}, expected {named(self._view.fields)}")

    def _part(self, field: FieldEntry, part: Any) -> Query:
        """Parse a field's part of a query."""
        encode: Encode | None = lambda texts: self._weighing.encode(field, texts)  # noqa: E731
        vocabulary = self._view.vocabulary
        try:
            if not isinstance(vocabulary, JoinedVocabulary):
                return parse_query(part, self._view.dimension, vocabulary, encode)
            own = vocabulary.parts[field.name]
            if field.numbered:
                return _joined_numbers(parse_query(part, MAX_DIMENSION, None, encode), vocabulary, field)
            parsed = parse_query(part, len(own.vocabulary), own.vocabulary, encode)
            return parsed._replace(components=own.joined[parsed.components])
        except InputError as error:
            if len(self._fields) == 1 and type(error) is QueryError:
                raise
            raise QueryError(f"field '{field.name}': {error}") from None

    def _together(self, parts: Sequence[Query]) -> Query:
        """Join the parts of distinct fields."""
        if len(parts) == 1:
            return parts[0]
        components = np.concatenate([part.components for part in parts])
        if len(components) > MAX_COMPONENTS:
            raise QueryError(f"fields: found {len(components)} components together, expected at most {MAX_COMPONENTS}")
        order = np.argsort(components, kind="stable")
        values = np.concatenate([part.values for part in parts])
        unknown = tuple(dict.fromkeys(one for part in parts for one in part.unknown))
        return Query(components[order], values[order], unknown, sum(part.cut for part in parts))


def _chosen(query: Query, places: npt.NDArray[np.intp]) -> Query:
    return Query(query.components[places], query.values[places])


def _scaled(query: Query, factors: npt.NDArray[np.float64]) -> Query:
    """Return a query with its values times factors, without those that become too small."""
    if (factors == 1).all():
        return query
    values = query.values * factors
    kept = values >= MIN_VALUE
    return query._replace(components=query.components[kept], values=values[kept].astype(np.float32))


def _joined_numbers(query: Query, vocabulary: JoinedVocabulary, field: FieldEntry) -> Query:
    """Return a query of a numbered field with joined components; numbers that no document has are unknown."""
    own, numbers = vocabulary.parts[field.name], query.components.tolist()
    rows = [own.vocabulary.component(str(number)) for number in numbers]
    known = np.array([row is not None for row in rows], bool)
    joined = own.joined[[row for row in rows if row is not None]]
    order = np.argsort(joined)
    unknown = tuple(number for number, row in zip(numbers, rows, strict=True) if row is None)
    return query._replace(
        components=joined[order], values=query.values[known][order], unknown=(*query.unknown, *unknown)
    )
