"""Predicates: filters bound to the columns of a collection, as hashable values.

They compare columns by their path only, since a collection has one type per column.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any as Anything
from typing import Literal, TypeAlias

import pyarrow as pa

from seismic.filters.paths import Path

Value: TypeAlias = Anything
"""A NumPy scalar of the column's type, or a Decimal."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value, or an element of the list, is one of ``values`` of type ``kind``; dates and times are integers."""

    column: Path
    kind: pa.DataType = field(compare=False)
    values: frozenset[str] | frozenset[int] | frozenset[bool] | frozenset[float] | frozenset[Decimal]


@dataclass(frozen=True, slots=True)
class Between:
    """The value, or an element of the list, lies in [``low``, ``high``]; ``kind`` is its type."""

    column: Path
    kind: pa.DataType = field(compare=False)
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Like:
    """The string, or an element of the list, has ``text`` at its start (`prefix`) or anywhere (`substring`)."""

    column: Path
    place: Literal["prefix", "substring"]
    text: str


@dataclass(frozen=True, slots=True)
class HasWords:
    """The string, or an element of the list, has each of ``words``, which are case-folded."""

    column: Path
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRadius:
    """The point, or an element of the list, is at most ``radius`` metres from a centre in degrees."""

    column: Path
    lat: float
    lon: float
    radius: float


@dataclass(frozen=True, slots=True)
class InBox:
    """The point, or an element of the list, lies in a box in degrees, which may cross the date line."""

    column: Path
    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True, slots=True)
class Present:
    """The value is not null; with ``not_empty``, a list must also have an element that is not null."""

    column: Path
    not_empty: bool


@dataclass(frozen=True, slots=True)
class HasIds:
    """The id is one of ``ids``."""

    ids: frozenset[str | int]


@dataclass(frozen=True, slots=True)
class Not:
    """The inner predicate does not match."""

    inner: "Predicate"


@dataclass(frozen=True, slots=True)
class All:
    """All inner predicates match; matches everything if there are none."""

    inner: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """An inner predicate matches; matches nothing if there are none."""

    inner: tuple["Predicate", ...]


OfColumn: TypeAlias = OneOf | Between | Like | HasWords | InRadius | InBox | Present
"""A predicate on one column."""

Leaf: TypeAlias = OfColumn | HasIds
"""A predicate on one column or on ids."""

Predicate: TypeAlias = Leaf | Not | All | Any

NOTHING = Any(())


def values_in(predicate: Predicate) -> int:
    """Return the number of values, for the estimate of its memory. A long text counts as several."""
    match predicate:
        case OneOf(values=values) | HasIds(ids=values):
            return len(values)
        case Like(text=text):
            return 1 + len(text) // 16
        case HasWords(words=words):
            return 1 + sum(map(len, words)) // 16
        case Not(inner):
            return values_in(inner)
        case All(parts) | Any(parts):
            return 1 + sum(map(values_in, parts))
    return 1
