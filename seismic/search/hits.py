"""Hits, and what a search may return beside their scores: payloads and snippets."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import escape
from typing import Any, NamedTuple, overload

import pyarrow as pa

from seismic.errors import InputError, ParameterError
from seismic.search.explain import Contribution

NO_PAYLOAD = "this hit has no payload; search with with_payload=True, or call index.payloads([hit.number])"


class Snippet(NamedTuple):
    """The passage of a text with the strongest matches of a query.

    It has the characters from ``start`` to ``end`` of the column. ``highlights``: first and last + 1 character of each
    match, within ``text``. Characters are Unicode code points, as in Python.
    """

    column: str
    text: str
    start: int
    end: int
    highlights: tuple[tuple[int, int], ...]

    def marked(self, before: str = "**", after: str = "**", quote: Callable[[str], str] = str) -> str:
        """Return the passage with each match between `before` and `after`. `quote` escapes all parts of the text."""
        parts, done = [], 0
        for start, end in self.highlights:
            parts += [quote(self.text[done:start]), before, quote(self.text[start:end]), after]
            done = end
        return "".join([*parts, quote(self.text[done:])])

    def _repr_html_(self) -> str:
        return self.marked("<mark>", "</mark>", escape)


class Hit(NamedTuple):
    """A hit: the document's id, its score and its document number (row of the input).

    The score is the inner product with the query, or that of a fusion or of reranking. `explanation`, on request: what
    each component adds to the inner product, largest first.
    """

    id: str | int
    score: float
    number: int
    explanation: tuple[Contribution, ...] | None = None

    @property
    def fields(self) -> dict[str, float]:
        """What each field adds to the inner product, from the explanation; empty unless there are several fields."""
        return field_parts(self.explanation or ())

    @property
    def payload(self) -> dict[str, Any]:
        """Values by column. Raises ParameterError unless the search asked for them."""
        raise ParameterError(NO_PAYLOAD)

    @property
    def snippet(self) -> Snippet | None:
        """The passage with the strongest matches; None unless the search asked for it, or without a text."""
        return None


class FullHit(Hit):
    """A hit with its payload, its snippet, or both."""

    @classmethod
    def of(cls, hit: Hit, *, payload: dict[str, Any] | None = None, snippet: Snippet | None = None) -> "FullHit":
        """Return a hit with more parts; None keeps those that it has."""
        full = cls(*hit)
        full.__dict__.update(vars(hit) if isinstance(hit, FullHit) else {})
        full.__dict__.update({} if payload is None else {"payload": payload})
        full.__dict__.update({} if snippet is None else {"snippet": snippet})
        return full

    @property
    def payload(self) -> dict[str, Any]:
        """Values by column. Raises ParameterError unless the search asked for them."""
        if "payload" not in self.__dict__:
            raise ParameterError(NO_PAYLOAD)
        payload: dict[str, Any] = self.__dict__["payload"]
        return payload

    @property
    def snippet(self) -> Snippet | None:
        """The passage with the strongest matches; None unless the search asked for it, or without a text."""
        return self.__dict__.get("snippet")

    def __repr__(self) -> str:
        return f"Hit{tuple.__repr__(self)}"


class Hits(list[Hit]):
    """Hits, best first. Notebooks show them as a table."""

    @overload  # type: ignore[override]
    def __getitem__(self, at: int) -> Hit: ...
    @overload
    def __getitem__(self, at: slice) -> "Hits": ...
    def __getitem__(self, at: Any) -> Any:
        """Return a hit, or the hits of a slice."""
        found = super().__getitem__(at)
        return Hits(found) if isinstance(at, slice) else found

    def to_arrow(self) -> pa.Table:
        """Return a table with a row per hit: rank from 1, id, score, and the payload and the snippet if requested."""
        return pa.table(table_of(self, range(1, len(self) + 1)))

    def to_pandas(self) -> Any:
        """Return the table of `to_arrow` as a pandas data frame. Raises InputError without pandas."""
        return frame_of(self.to_arrow())

    def _repr_html_(self) -> str:
        return html_table(self.to_arrow())


def field_parts(explanation: Iterable[Contribution]) -> dict[str, float]:
    """Return what each field adds to an inner product."""
    parts: dict[str, float] = {}
    for one in explanation:
        if one.field is not None:
            parts[one.field] = parts.get(one.field, 0.0) + one.product
    return parts


MAKE_HIT: Callable[[Iterable[Any]], Hit] = partial(tuple.__new__, Hit)
"""`Hit._make` without its Python frame: a batch makes thousands of hits."""


def table_of(hits: Sequence[Hit], ranks: Iterable[int]) -> dict[str, Any]:
    """Return the columns of a table of hits. A payload column with the name of another one gets a prefix."""
    columns: dict[str, Any] = {
        "rank": list(ranks),
        "id": [hit.id for hit in hits],
        "score": [hit.score for hit in hits],
    }
    if any(hit.snippet for hit in hits):
        columns["snippet"] = [hit.snippet.text if hit.snippet else None for hit in hits]
    payloads = [vars(hit).get("payload", {}) if isinstance(hit, FullHit) else {} for hit in hits]
    for name in dict.fromkeys(name for payload in payloads for name in payload):
        columns[f"payload.{name}" if name in columns else name] = [payload.get(name) for payload in payloads]
    return columns


def frame_of(table: pa.Table) -> Any:
    """Return a table as a pandas data frame. Raises InputError without pandas."""
    try:
        return table.to_pandas()
    except ImportError:
        raise InputError("to_pandas needs pandas (pip install pandas); to_arrow works without it") from None


LONGEST = 120
"""Characters of a value in a table of a notebook."""


def html_table(table: pa.Table) -> str:
    """Return a table as HTML, with long values shortened."""
    rows = "".join(f"<tr>{''.join(map(_cell, row.values()))}</tr>" for row in table.to_pylist())
    head = "".join(f"<th>{escape(name)}</th>" for name in table.column_names)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def html_facts(title: str, facts: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as HTML below a title."""
    rows = "".join(f"<tr><th>{escape(name)}</th>{_cell(value)}</tr>" for name, value in facts)
    return f"<p><strong>{escape(title)}</strong></p><table><tbody>{rows}</tbody></table>"


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
    return f"<td>{escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + '…')}</td>"
