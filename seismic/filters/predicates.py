"""What a filter asks of documents, once it fits the columns of a collection: plain values that can be keys.

Of columns they compare names only: of one collection, all have the types of its columns.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column, or an element of its lists, has one of these values, which are of type `kind`."""

    column: str
    kind: pa.DataType = field(compare=False)
    values: frozenset[str] | frozenset[int] | frozenset[bool]


@dataclass(frozen=True, slots=True)
class Within:
    """The column, or an element of its lists, of type `kind`, lies between two values as NumPy stores them, both
    included."""

    column: str
    kind: pa.DataType = field(compare=False)
    low: np.generic
    high: np.generic


@dataclass(frozen=True, slots=True)
class Present:
    """The column is not null; ``filled``: nor a list of nothing but nulls."""

    column: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Identified:
    """The document has one of these ids."""

    ids: frozenset[str | int]


@dataclass(frozen=True, slots=True)
class Not:
    """What does not hold."""

    inner: "Predicate"


@dataclass(frozen=True, slots=True)
class All:
    """Holds if all do; of none, always."""

    inner: tuple["Predicate", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds if one does; of none, never."""

    inner: tuple["Predicate", ...]


Predicate: TypeAlias = OneOf | Within | Present | Identified | Not | All | Any

NOTHING = Any(())


Leaf: TypeAlias = OneOf | Within | Present | Identified
"""What asks for one column, or for ids."""


def values_in(predicate: Predicate) -> int:
    """How many values it has: what it takes in memory."""
    match predicate:
        case OneOf(values=values) | Identified(ids=values):
            return len(values)
        case Not(inner):
            return values_in(inner)
        case All(parts) | Any(parts):
            return 1 + sum(map(values_in, parts))
    return 1
