"""Accept NumPy's scalars and arrays where Python's numbers and lists are expected."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError

MAX_COUNT = 1 << 62
"""Larger numbers of anything do not fit the types of kernels."""

MAX_LEVELS = 64
"""Nested levels that are looked at; no filter has as many."""

_PLAIN = frozenset({str, int, float, bool, type(None)})


def as_count(name: str, value: Any, least: int = 1) -> int:
    """Return an integer parameter as int. Raises ParameterError if it is no integer, or too small or large."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise ParameterError(f"{name} is {excerpt(value)}, expected an integer of at least {least}")
    if not least <= value < MAX_COUNT:
        bound = f"at least {least}" if value < least else f"less than {MAX_COUNT}"
        raise ParameterError(f"{name} is {excerpt(int(value))}, expected {bound}")
    return int(value)


def as_numbers(name: str, values: Any) -> npt.NDArray[np.int64]:
    """Return integers of any shape as int64. Raises ParameterError for anything else."""
    if not isinstance(values, np.ndarray | list | tuple):
        try:
            values = np.asarray(values) if hasattr(values, "__array__") else list(values)
        except TypeError:
            raise ParameterError(f"{name}: found {excerpt(values)}, expected integers") from None
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ParameterError(f"{name}: found {excerpt(values)}, expected integers ({error})") from None
    if array.size == 0:
        return np.zeros(array.shape, np.int64)
    if array.dtype.kind not in "iu":
        raise ParameterError(f"{name}: found {excerpt(values)}, expected integers")
    return array.astype(np.int64)


def as_path(path: Any) -> Path:
    """Return a path parameter as Path. Raises ParameterError if it is none."""
    if isinstance(path, str | os.PathLike):
        try:
            if b"\0" not in os.fsencode(path):
                return Path(path)
        except (TypeError, UnicodeEncodeError):  # a path of bytes, or a surrogate that names no byte
            pass
    raise ParameterError(f"path is {excerpt(path)}, expected a str or a pathlib.Path")


def as_plain(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return a JSON-like value without NumPy's types. Values of other types, and deeper ones, stay as they are."""
    if type(value) in _PLAIN or levels == 0:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {as_plain(key): as_plain(part, levels - 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        plain = type(value) is list and _PLAIN.issuperset(map(type, value))
        return value if plain else [as_plain(part, levels - 1) for part in value]
    return value
