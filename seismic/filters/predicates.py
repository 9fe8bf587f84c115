"""Predicates: filters bound to the columns of a collection, as hashable values.

They compare columns by name only, since a collection has one type per column.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value, or an element of the list, is one of ``values`` of type ``kind``."""

    column: str
    kind: pa.DataType = field(compare=False)
    values: frozenset[str] | frozenset[int] | frozenset[bool]


@dataclass(frozen=True, slots=True)
class Between:
    """The value, or an element of the list, lies in [``low``, ``high``]; ``kind`` is its type."""

    column: str
    kind: pa.DataType = field(compare=False)
    low: np.generic
    high: np.generic


@dataclass(frozen=True, slots=True)
class Present:
    """The value is not null; with ``not_empty``, a list must also have an element that is not null."""

    column: str
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


Predicate: TypeAlias = OneOf | Between | Present | HasIds | Not | All | Any

NOTHING = Any(())


Leaf: TypeAlias = OneOf | Between | Present | HasIds
"""A predicate on one column or on ids."""


def values_in(predicate: Predicate) -> int:
    """Return the number of values, for the estimate of its memory."""
    match predicate:
        case OneOf(values=values) | HasIds(ids=values):
            return len(values)
        case Not(inner):
            return values_in(inner)
        case All(parts) | Any(parts):
            return 1 + sum(map(values_in, parts))
    return 1
