"""Snippets: the passage of a text around the strongest matches of a query."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from seismic.encoders import Locate, Place, located_words
from seismic.errors import ParameterError
from seismic.query import Query
from seismic.search.explain import contributions
from seismic.search.hits import FullHit, Hits, Snippet
from seismic.search.request import Snippets
from seismic.stop import current
from seismic.view.view import View

SHARE = 0.1
"""Smallest part of a highlighted match, as a share of the largest one."""


class Match(NamedTuple):
    """A place of a text, and what its component adds to the score. ``field``: that of the component."""

    place: Place
    product: float
    field: str | None = None

    @property
    def key(self) -> tuple[str | None, int]:
        """The component, and its field."""
        return self.field, self.place.component


class Finder(NamedTuple):
    """Finds the components of one field in a text. ``field``: None for the only one."""

    field: str | None
    locate: Locate


def with_snippets(view: View, query: Query, hits: Hits, wanted: Snippets) -> Hits:
    """Return hits with the snippet of their text. Raises ParameterError for a column without texts."""
    column = column_of(view, wanted.column)
    finders = _finders(view, column)
    numbers = [hit.number for hit in hits]
    payloads = view.documents.payloads(numbers, [column])
    found = Hits()
    for hit, payload, explained in zip(hits, payloads, contributions(view, query, numbers), strict=True):
        current().check()
        text = payload[column]
        if text is None:
            found.append(hit)
            continue
        products = {(one.field, one.component): one.product for one in explained}
        matches = [
            Match(place, products[finder.field, place.component], finder.field)
            for finder in finders
            for place in finder.locate(text)
            if (finder.field, place.component) in products
        ]
        found.append(FullHit.of(hit, snippet=snippet_of(column, text, matches, wanted.length)))
    return found


def snippet_of(column: str, text: str, matches: Sequence[Match], length: int) -> Snippet:
    """Return the passage of at most `length` characters whose distinct components add most to the score.

    Without matches it is the beginning of the text.
    """
    matches = sorted(matches, key=lambda match: match.place[1:])
    first, last = _best_window(matches, length)
    inside = matches[first:last]
    start, end = _widened(text, inside[0].place.start, inside[-1].place.end, length) if inside else (0, 0)
    if not inside:
        start, end = _widened(text, 0, 0, length)
    least = SHARE * max((match.product for match in matches), default=0.0)
    highlights: list[tuple[int, int]] = []
    for place, product, _ in matches:
        if product < least or place.start < start or place.end > end:
            continue
        if highlights and place.start - start <= highlights[-1][1]:  # pieces of one word
            highlights[-1] = highlights[-1][0], max(highlights[-1][1], place.end - start)
        else:
            highlights.append((place.start - start, place.end - start))
    return Snippet(column, text[start:end], start, end, tuple(highlights))


def _best_window(matches: Sequence[Match], length: int) -> tuple[int, int]:
    """Return the range of matches within `length` characters with the largest sum over distinct components."""
    counts: Counter[tuple[str | None, int]] = Counter()
    best, best_sum, total, last = (0, 0), 0.0, 0.0, 0
    for first in range(len(matches)):
        while last < len(matches) and (matches[last].place.end - matches[first].place.start <= length or last == first):
            counts[matches[last].key] += 1
            if counts[matches[last].key] == 1:
                total += matches[last].product
            last += 1
        if total > best_sum * (1 + 1e-9):  # earlier windows win ties
            best, best_sum = (first, last), total
        counts[matches[first].key] -= 1
        if counts[matches[first].key] == 0:
            total -= matches[first].product
    return _trimmed(matches, *best)


def _trimmed(matches: Sequence[Match], first: int, last: int) -> tuple[int, int]:
    """Return a range of matches without the outer ones whose components it has otherwise."""
    counts = Counter(match.key for match in matches[first:last])
    while first < last and counts[matches[first].key] > 1:
        counts[matches[first].key] -= 1
        first += 1
    while first < last and counts[matches[last - 1].key] > 1:
        counts[matches[last - 1].key] -= 1
        last -= 1
    return first, last


def _widened(text: str, start: int, end: int, length: int) -> tuple[int, int]:
    """Return the passage of whole words with up to `length` characters around another one, about its middle."""
    left = _word_start(text, max(0, start - max(0, length - (end - start)) // 2), start)
    right = _word_end(text, min(len(text), left + length), end)
    return _word_start(text, max(0, right - length), left), right


def _word_start(text: str, at: int, last: int) -> int:
    """Return the first start of a word from `at` on, at most `last`."""
    while at < last and (text[at].isspace() or (at and not text[at - 1].isspace())):
        at += 1
    return min(at, last)


def _word_end(text: str, at: int, first: int) -> int:
    """Return the last end of a word up to `at`, at least `first`."""
    while at > first and (text[at - 1].isspace() or (at < len(text) and not text[at].isspace())):
        at -= 1
    return max(at, first)


def column_of(view: View, column: str | None) -> str:
    """Return the column that snippets are taken from. Raises ParameterError if it has no texts."""
    read = [name for field in view.fields if field.encoder for name in field.columns]
    entry = view.manifest.encoder
    name = column or next(iter([*(entry.fields[-1:] if entry else ()), *read[-1:]]), "text")
    schema = view.rules.schema
    if name not in schema.names or name == "id":
        known = ", ".join(view.documents.columns) or "no payload columns"
        raise ParameterError(f"snippet.column: found no column '{name}'; this collection has {known}")
    kind = schema.field(name).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ParameterError(f"snippet.column: '{name}' holds {kind}, expected texts")
    return name


def _finders(view: View, column: str) -> list[Finder]:
    """Return what finds the components of each field in texts of a column: encoders, or else the words themselves."""
    if len(view.fields) > 1:
        able = [field for field in view.fields if field.encoder and column in field.columns]
        if not able:
            raise ParameterError(f"snippet.column: no field reads '{column}'; name a column that an encoder reads")
        return [Finder(field.name, view.field_encoder(field).locate) for field in able]
    if view.manifest.encoder is not None:
        return [Finder(None, view.encoder.locate)]
    if view.vocabulary is None:
        raise ParameterError("snippet: this collection has neither an encoder nor a vocabulary to find matches by")
    return [Finder(None, partial(located_words, view.vocabulary))]


def check_snippets(view: View, wanted: Snippets) -> None:
    """Raise ParameterError if there is nothing to take snippets from, before the search."""
    _finders(view, column_of(view, wanted.column))
