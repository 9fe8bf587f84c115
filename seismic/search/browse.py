"""Pages of documents without a query, by id or by a column, each from where the one before it ended.

A cursor holds the order, and the value and the id of a page's last document. It stays valid across changes, compactions
and restarts, and in any process: a document that does not change keeps its place in the order.
"""

import base64
import binascii
import heapq
import itertools
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.shown import shown_by_field
from seismic.filters.columns import per_second_of
from seismic.filters.instants import units_since_epoch
from seismic.kernels.constants import BLOCK
from seismic.search.orders import (
    LONGEST,
    Order,
    Orders,
    Place,
    from_json_value,
    ids_in_order,
    numeric_key,
    order_of,
    place_reader,
    to_json_value,
)
from seismic.search.request import OrderBy
from seismic.stop import current
from seismic.view.live import LiveShard
from seismic.view.scope import Part, Scope
from seismic.view.view import View

VERSION = 1
"""First element of a cursor."""

FIRST_LOOK = 1 << 10
"""Documents of a shard that are compared with the scope at first; twice as many each time after that."""


class Document(NamedTuple):
    """A stored document: its id, its payload by column, and its vector as `indices` and `values` if requested.

    With several fields, `vector` is {"fields": {name: such a vector}}.
    """

    id: Any
    payload: dict[str, Any]
    vector: dict[str, Any] | None = None


class Page(NamedTuple):
    """Documents in an order, and the cursor of the next page; None if there are no more documents."""

    documents: list[Document]
    cursor: str | None


class Browsed(NamedTuple):
    """Document numbers of a page, and the cursor of the next page; None if there are no more documents."""

    numbers: list[int]
    cursor: str | None


def read_documents(
    view: View, numbers: Sequence[int], columns: Sequence[str] | None, *, with_vectors: bool
) -> list[Document]:
    """Return documents by number. `columns`: those of the payload, None for all. Raises ParameterError."""
    payloads = view.documents.payloads(numbers, columns)
    vectors: list[Any] = [None] * len(numbers)
    if with_vectors:
        stored = view.vectors(numbers)
        if isinstance(view.vocabulary, JoinedVocabulary):
            by_field = shown_by_field(view.vocabulary, stored)
            vectors = [{"fields": one} for one in by_field]
            return list(map(Document, view.documents.ids(numbers), payloads, vectors))
        pairs = (stored[row] for row in range(len(stored)))
        vectors = [{"indices": components.tolist(), "values": values.tolist()} for components, values in pairs]
    return list(map(Document, view.documents.ids(numbers), payloads, vectors))


class Browser:
    """Finds pages of documents. Safe to use from many threads."""

    def __init__(self) -> None:
        self._orders = Orders()

    def page(
        self, view: View, scope: Scope, limit: int, by: OrderBy | None = None, cursor: str | None = None
    ) -> Browsed:
        """Return the first `limit` documents of a scope in an order, or the first ones after a cursor.

        `by`: None for the cursor's order, or by id without one. Raises ParameterError for a column without an order and
        for a cursor of another order or collection.
        """
        by, order, after = start_of(view, by, cursor)
        found = self._first(view, scope, limit + 1, order, after)
        if len(found) <= limit:
            return Browsed([run.first + number for run, number in found], None)
        run, last = found[limit - 1]
        page = [run.first + number for run, number in found[:limit]]
        return Browsed(page, encode_cursor(by, *run.value_and_id(last)))

    def places(
        self, view: View, scope: Scope, limit: int, by: OrderBy | None = None, cursor: str | None = None
    ) -> list[tuple[Any, Any, int]]:
        """Return what cursors hold of the documents of a page, and their numbers: (value, id, number)."""
        _, order, after = start_of(view, by, cursor)
        found = self._first(view, scope, limit, order, after)
        return [(*run.value_and_id(number), run.first + number) for run, number in found]

    def _first(
        self, view: View, scope: Scope, limit: int, order: Order, after: Place | None
    ) -> list[tuple["_Run", int]]:
        runs = [
            _Run(shard, first, order, numbers)
            for shard, part, first in zip(view.shards, scope.parts, view.firsts, strict=False)
            if len(numbers := self._following(shard, part, order, after, limit))
        ]
        return list(itertools.islice(_merged(runs), limit))

    def page_of_ids(self, view: View, scope: Scope, limit: int, start: Any = None) -> tuple[list[int], Any]:
        """Return the first `limit` documents of a scope from an id on, and the id after them; None if there is none.

        Numbers come first, by value: also those that are stored as texts. `start` need not be the id of a document.
        """
        order = ids_in_order(view)
        first = None if start is None else order.place(numeric_key(start) if order.numeric else start, start)
        runs = [
            _Run(shard, number, order, numbers)
            for shard, part, number in zip(view.shards, scope.parts, view.firsts, strict=False)
            if len(numbers := self._following(shard, part, order, first, limit + 1, bisect_left))
        ]
        found = list(itertools.islice(_merged(runs), limit + 1))
        page = [run.first + number for run, number in found]
        return page[:limit], view.documents.ids(page[limit:])[0] if len(page) > limit else None

    def _following(
        self,
        shard: LiveShard,
        part: Part,
        order: Order,
        after: Place | None,
        limit: int,
        bisect: Callable[..., int] = bisect_right,
    ) -> npt.NDArray[np.uint32]:
        """Return the numbers of a shard's first `limit` documents after a place that are in the scope, in the order.

        With `bisect_left`, they include a document at the place itself.
        """
        if part.count == 0:
            return np.empty(0, np.uint32)
        ordered = self._orders.of(shard, order)
        at = 0 if after is None else bisect(ordered, after, key=_place_of(shard, order))
        found, missing, look = [np.empty(0, np.uint32)], limit, max(limit, FIRST_LOOK)
        while missing > 0 and at < len(ordered):
            current().check()
            rows = _allowed(shard, part, ordered[at : at + look])[:missing]
            found.append(rows)
            missing, at, look = missing - len(rows), at + look, 2 * look
        return np.concatenate(found)


class _Run:
    """Documents of one shard in the order. ``first``: the view's number of the shard's first document."""

    def __init__(self, shard: LiveShard, first: int, order: Order, numbers: npt.NDArray[np.uint32]) -> None:
        self.first, self._numbers, self._shard, self._order = first, numbers, shard, order

    def __iter__(self) -> Iterator[tuple["_Run", int]]:
        return ((self, number) for number in self._numbers.tolist())

    def places(self) -> Iterator[tuple[Place, "_Run", int]]:
        """Yield each document after its place. Ids are unique, so runs are never compared."""
        place = place_reader(self._shard, self._order)
        return ((place(number), self, number) for number in self._numbers.tolist())

    def value_and_id(self, number: int) -> tuple[Any, Any]:
        """Return what a cursor holds of a document."""
        missing, value, id = place_reader(self._shard, self._order)(number)
        return None if missing else getattr(value, "value", value), id


def _merged(runs: Sequence[_Run]) -> Iterator[tuple[_Run, int]]:
    if len(runs) == 1:  # no need to read what documents are compared by
        return iter(runs[0])
    return ((run, number) for _, run, number in heapq.merge(*(run.places() for run in runs)))


def _place_of(shard: LiveShard, order: Order) -> Any:
    place = place_reader(shard, order)
    return lambda number: place(int(number))


def _allowed(shard: LiveShard, part: Part, numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Return those of a shard's documents that a scope contains."""
    if len(part.allowed) == 0:
        return numbers
    positions = shard.address.positions[numbers]
    bits = part.allowed[positions // BLOCK] >> (positions % BLOCK).astype(np.uint8)
    allowed: npt.NDArray[np.uint32] = numbers[(bits & 1) == 1]
    return allowed


class _Last:
    """What comes after every id."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True


def cursor_after(view: View, by: OrderBy, value: Any, id: Any = None) -> str:
    """Return the cursor of the documents after a place in an order, as that of a page whose last document is there.

    `value`: of the column, as JSON has it; dates and times as ISO 8601 text. `id`: of a document with this value; None
    for the place after all of them. Raises ParameterError.
    """
    order = order_of(view, by)
    per_second = per_second_of(order.kind)
    try:
        if per_second is not None and value is not None:
            value = units_since_epoch(value, per_second)
        elif isinstance(value, str):
            value = value[:LONGEST]
    except (ValueError, TypeError):
        raise ParameterError(
            f"found {excerpt(value)}, expected a value of '{order.key}', which is {order.kind}"
        ) from None
    cursor = encode_cursor(by, value, id)
    _checked(value, id, order, view)
    return cursor


def start_of(view: View, by: OrderBy | None, cursor: str | None) -> tuple[OrderBy, Order, Place | None]:
    """Return the order of a page, and the place that it follows. Raises ParameterError."""
    if cursor is None:
        by = by or OrderBy()
        return by, order_of(view, by), None
    by, value, id = _decode(cursor, by)
    order = order_of(view, by)
    return by, order, order.place(*_checked(value, id, order, view))


def encode_cursor(by: OrderBy, value: Any, id: Any) -> str:
    """Return the cursor of the page that follows a document."""
    text = json.dumps([VERSION, by.key, by.direction, to_json_value(value), id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: Any, by: OrderBy | None) -> tuple[OrderBy, Any, Any]:
    """Return the order, the value and the id of a cursor. Raises ParameterError."""
    if not isinstance(cursor, str):
        raise ParameterError(f"cursor: found {excerpt(cursor)}, expected the cursor of a page")
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        version, key, direction, value, id = json.loads(text)
        if version != VERSION:
            raise ValueError(version)
        found = OrderBy(key=key, direction=direction)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise ParameterError(f"cursor: found {excerpt(cursor)}, expected the cursor of a page") from None
    if by is not None and by != found:
        expected = f"expected a cursor of this order, by {by.key} {by.direction}"
        raise ParameterError(f"cursor: found one of the order by {found.key} {found.direction}, {expected}")
    return found, value, id


def _checked(value: Any, id: Any, order: Order, view: View) -> tuple[Any, Any]:
    """Return the value and the id of a cursor. Raises ParameterError if they do not have the collection's types."""
    kind = view.rules.schema.field("id").type
    wanted = int if pa.types.is_integer(kind) else str
    try:
        if id is not None and (not isinstance(id, wanted) or isinstance(id, bool)):
            raise ValueError(id)
        return from_json_value(value, order.kind), _Last() if id is None else id
    except (ValueError, ArithmeticError, TypeError):
        problem = f"cursor: found one of another collection, expected {kind} ids and {order.kind} in '{order.key}'"
        raise ParameterError(f"{problem}; start without a cursor") from None
