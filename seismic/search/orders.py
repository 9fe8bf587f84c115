"""Orders of documents by id or by a column, for pages of documents without a query."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import total_ordering
from typing import Any, Literal, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.documents.values import not_text
from seismic.errors import ParameterError
from seismic.filters.columns import columns_of, is_text, is_time, values_at
from seismic.filters.paths import ID, Path, UnknownKeyError, resolve
from seismic.search.request import OrderBy
from seismic.stop import current
from seismic.view.live import Address, LiveShard
from seismic.view.view import View

_NUMBER = re.compile("0|[1-9][0-9]{0,19}")

LONGEST = 256
"""Characters of a text that its order depends on. They bound the size of a cursor."""


@total_ordering
class _Descending:
    """A value that is smaller the larger it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Descending") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


Place: TypeAlias = tuple[bool, Any, Any]
"""What documents are compared by: whether there is no value, the value, the id."""


class Order(NamedTuple):
    """An order that fits a view: the column, its type and the direction.

    ``numeric``: texts that are whole numbers come first, by value.
    """

    path: Path
    kind: pa.DataType
    descending: bool = False
    numeric: bool = False

    @property
    def key(self) -> str:
        """The column in words."""
        return ".".join(self.path)

    def place(self, value: Any, id: Any) -> Place:
        """Return the place of a document with this value (None: none) and id."""
        if value is None or value != value:
            return True, 0, id
        return False, _Descending(value) if self.descending else value, id


def order_of(view: View, by: OrderBy) -> Order:
    """Return the order that a request names. Raises ParameterError for unknown columns and those without an order."""
    try:
        path, kind = resolve(by.key, columns_of(view.rules.schema))
    except UnknownKeyError as error:
        raise ParameterError(f"order_by.key: {error}") from None
    if not _is_orderable(kind):
        expected = "expected a column of numbers, booleans, texts, dates or times"
        raise ParameterError(f"order_by.key: column '{by.key}' is {kind}, {expected}")
    return Order(path, kind, by.direction == "desc")


class Orders:
    """The documents of shards in an order, sorted on first use and cached as long as the shard: 4 bytes per document.

    Safe to use from many threads; two that miss at the same time both sort.
    """

    def __init__(self) -> None:
        self._sorted: WeakKeyDictionary[Address, dict[tuple[Path, bool, bool], npt.NDArray[np.uint32]]]
        self._sorted = WeakKeyDictionary()

    def of(self, shard: LiveShard, order: Order) -> npt.NDArray[np.uint32]:
        """Return uint32 [documents]: the numbers of all documents of a shard, deleted ones included, in the order."""
        known = self._sorted.setdefault(shard.address, {})
        wanted = order.path, order.descending, order.numeric
        if wanted not in known:
            current().check()
            known[wanted] = self._sort(shard, order)
        return known[wanted]

    def _sort(self, shard: LiveShard, order: Order) -> npt.NDArray[np.uint32]:
        if order.path == ID and not order.descending:
            ids = shard.shard.documents["id"]
            return np.asarray(pc.sort_indices(numeric_keys(ids) if order.numeric else ids)).astype(np.uint32)
        by_id = self.of(shard, Order(ID, order.kind))
        if not shard.has(order.path[0]) or pa.types.is_null((values := values_at(shard, order.path)).type):
            return by_id
        direction: Literal["ascending", "descending"] = "descending" if order.descending else "ascending"
        try:
            ranks = np.asarray(pc.rank(_sortable(values), sort_keys=direction, tiebreaker="dense"))
        except pa.ArrowInvalid as error:  # of texts
            raise not_text(order.key, error) from None
        return by_id[np.argsort(ranks[by_id], kind="stable")]


def place_reader(shard: LiveShard, order: Order) -> Callable[[int], Place]:
    """Return a function from the number of a shard's document to its place."""
    ids = shard.shard.documents["id"]
    if order.numeric:
        return lambda number: order.place(numeric_key(id := ids[number].as_py()), id)
    if not shard.has(order.path[0]):
        return lambda number: order.place(None, ids[number].as_py())
    values = values_at(shard, order.path)
    read = _value_reader(values.type)

    def place(number: int) -> Place:
        try:
            return order.place(read(values[number]), ids[number].as_py())
        except UnicodeDecodeError as error:
            raise not_text(order.key, error) from None

    return place


def ids_in_order(view: View) -> Order:
    """Return the order of ids in which numbers come first, by value: also of texts that are numbers."""
    kind = view.rules.schema.field("id").type
    return Order(ID, kind, numeric=not pa.types.is_integer(kind))


def numeric_key(text: str) -> str:
    """Return a text that sorts as a number of up to 20 digits if it is one, and after all numbers otherwise."""
    return f"0{text:0>20}" if _NUMBER.fullmatch(text) else f"1{text}"


def numeric_keys(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the `numeric_key` of each text."""
    texts = texts.cast(pa.large_string())
    numbers = pc.match_substring_regex(texts, f"^({_NUMBER.pattern})$")
    padded = pc.utf8_lpad(texts, width=20, padding="0")
    none, digit = pa.scalar("", pa.large_string()), pc.if_else(numbers, "0", "1").cast(pa.large_string())
    return pc.binary_join_element_wise(digit, pc.if_else(numbers, padded, texts), none)


def to_json_value(value: Any) -> Any:
    """Return a value of a place for a cursor."""
    return str(value) if isinstance(value, Decimal) else value


def from_json_value(value: Any, kind: pa.DataType) -> Any:
    """Return a value of a cursor for a column of this type. Raises ValueError or ArithmeticError if it is none."""
    if value is None:
        return None
    kind = _plain(kind)
    if pa.types.is_decimal(kind):
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(value)
        return number
    wanted: type | tuple[type, ...] = str if _is_string(kind) else (int, float)
    if not isinstance(value, wanted):
        raise ValueError(value)
    return value


def _is_orderable(kind: pa.DataType) -> bool:
    kind = _plain(kind)
    if _is_string(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return True
    return bool(pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or _is_temporal(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_string(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_string_view(kind))


def _is_temporal(kind: pa.DataType) -> bool:
    return is_time(kind) or bool(pa.types.is_time(kind) or pa.types.is_duration(kind))


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column that Arrow sorts as places are compared."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if _is_string(kind):
        return pc.utf8_slice_codeunits(column.cast(pa.large_string()), 0, LONGEST)
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column


def _value_reader(kind: pa.DataType) -> Callable[[pa.Scalar], Any]:
    """Return a function from scalars to values that Python compares as Arrow does."""
    if pa.types.is_dictionary(kind):
        inner = _value_reader(kind.value_type)
        return lambda scalar: inner(scalar.value) if scalar.is_valid else None
    if _is_string(kind):
        return lambda scalar: scalar.as_py()[:LONGEST] if scalar.is_valid else None
    if _is_temporal(kind):
        return lambda scalar: scalar.value
    return lambda scalar: scalar.as_py()
