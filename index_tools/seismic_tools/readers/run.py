"""Read the hits of another search, to fuse with."""

from pathlib import Path

import orjson

from seismic import InputError, Ranked, Run
from seismic.lines import read_lines
from seismic_tools.readers.files import given


def read_run(path: Path) -> Run:
    """Read JSON lines with `id` and `score`, as `seismic search --json` prints them; InputError names the line."""
    hits = []
    for number, line in enumerate(read_lines(given(path), "JSON lines with id and score"), 1):
        if not line.strip():
            continue
        try:
            found = orjson.loads(line)
            hits.append(Ranked(id=found["id"], score=float(found["score"])))
        except (ValueError, TypeError, KeyError):  # ParameterError is a ValueError
            raise InputError(f"{path}, line {number}: found {line[:60]!r}, expected JSON with id and score") from None
    return Run(hits=hits)
