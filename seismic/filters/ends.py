"""The ends of ranges, as values of the column's own type that lie inside: so comparing is exact."""

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

Exact: TypeAlias = int | float | Fraction
"""A bound that was not rounded."""


def lowest(storage: np.dtype[Any]) -> int | float:
    """The least value of a type."""
    return -math.inf if storage.kind == "f" else int(np.iinfo(storage).min)


def highest(storage: np.dtype[Any]) -> int | float:
    """The largest value of a type."""
    return math.inf if storage.kind == "f" else int(np.iinfo(storage).max)


def least(bound: Exact, storage: np.dtype[Any], strict: bool) -> int | float:
    """The smallest value that is at least `bound` or, if `strict`, above it; for integers perhaps beyond the type."""
    if storage.kind != "f":
        return math.floor(bound) + 1 if strict else math.ceil(bound)
    value = _nearest(bound, storage)
    below = value < bound or (strict and value == bound)
    return float(np.nextafter(storage.type(value), storage.type(math.inf))) if below else value


def most(bound: Exact, storage: np.dtype[Any], strict: bool) -> int | float:
    """The largest value that is at most `bound` or, if `strict`, below it."""
    return -least(-bound, storage, strict)


def _nearest(bound: Exact, storage: np.dtype[Any]) -> float:
    try:
        with np.errstate(over="ignore"):
            return float(storage.type(float(bound)))
    except OverflowError:  # an integer beyond all floats
        return math.inf if bound > 0 else -math.inf
