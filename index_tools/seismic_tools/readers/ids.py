"""Files of ids, one per line."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from seismic import InputError
from seismic.lines import read_lines
from seismic_tools.readers.files import given


def read_ids(path: Path, kind: pa.DataType | None = None) -> pa.Array:
    """Read ids, as strings or as `kind`; blank lines are skipped. InputError names the line."""
    lines = read_lines(given(path), "one id per line")
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    return typed_ids([line for _, line in numbered], kind or pa.string(), [f"{path}, line {n}" for n, _ in numbered])


def typed_ids(ids: Sequence[str], kind: pa.DataType, places: Sequence[str]) -> pa.Array:
    """Return ids as `kind`; InputError names the place of the first one that is of another type."""
    try:
        return pa.array(ids, pa.string()).cast(kind)
    except pa.ArrowException:
        for name, place in zip(ids, places, strict=True):
            try:
                pa.array([name], pa.string()).cast(kind)
            except pa.ArrowException:
                raise InputError(f"{place}: found id {name!r}, expected {kind}") from None
        raise
