"""Write the parts of a conversion to one file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from seismic_tools.readers.jsonl import Compression
from seismic_tools.writers.base import Writing
from seismic_tools.writers.ciff import write_ciff
from seismic_tools.writers.csr import write_csr
from seismic_tools.writers.inner import write_inner
from seismic_tools.writers.jsonl import write_jsonl
from seismic_tools.writers.parquet import write_parquet
from seismic_tools.writers.parts import Parts
from seismic_tools.writers.vocabulary import write_vocabulary

__all__ = ["WRITERS", "Writer", "Writing", "write_vocabulary"]


class Writer(NamedTuple):
    """How to write a format, and whether it holds ids, payload and tokens.

    `write` returns notes for the user on what it had to change.
    """

    write: Callable[[Path, Parts, Writing], list[str]]
    ids: bool
    payload: bool
    tokens: bool


def _lines(ending: str) -> dict[str, Writer]:
    """JSON lines, plain and compressed."""
    kinds: dict[str, Compression | None] = {"": None, ".gz": "gzip", ".zst": "zstd"}
    return {
        f"{ending}{suffix}": Writer(partial(write_jsonl, compression=kind), ids=True, payload=True, tokens=True)
        for suffix, kind in kinds.items()
    }


WRITERS: dict[str, Writer] = {
    ".parquet": Writer(write_parquet, ids=True, payload=True, tokens=True),
    **_lines(".jsonl"),
    **_lines(".ndjson"),
    ".ciff": Writer(write_ciff, ids=True, payload=False, tokens=True),
    ".csr": Writer(write_csr, ids=False, payload=False, tokens=False),
    ".bin": Writer(write_inner, ids=False, payload=False, tokens=False),
}
"""Ending of a file name -> its writer."""
