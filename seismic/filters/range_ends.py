"""Convert range bounds to values of the column's type, so that comparisons are exact."""

import math
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

Exact: TypeAlias = int | float | Fraction
"""A bound without rounding."""


def lowest(storage: np.dtype[Any]) -> int | float:
    """Return the smallest value of a type."""
    return -math.inf if storage.kind == "f" else int(np.iinfo(storage).min)


def highest(storage: np.dtype[Any]) -> int | float:
    """Return the largest value of a type."""
    return math.inf if storage.kind == "f" else int(np.iinfo(storage).max)


def smallest_above(bound: Exact, storage: np.dtype[Any], strict: bool) -> int | float:
    """Return the smallest value >= `bound` (`strict`: > `bound`). An integer may exceed the type."""
    if storage.kind != "f":
        return math.floor(bound) + 1 if strict else math.ceil(bound)
    value = nearest(bound, storage)
    below = value < bound or (strict and value == bound)
    return float(np.nextafter(storage.type(value), storage.type(math.inf))) if below else value


def largest_below(bound: Exact, storage: np.dtype[Any], strict: bool) -> int | float:
    """Return the largest value <= `bound` (`strict`: < `bound`). An integer may exceed the type."""
    return -smallest_above(-bound, storage, strict)


def nearest(bound: Exact, storage: np.dtype[Any]) -> float:
    """Return the nearest value of a float type."""
    try:
        with np.errstate(over="ignore"):
            return float(storage.type(float(bound)))
    except OverflowError:  # an integer larger than every float
        return math.inf if bound > 0 else -math.inf
