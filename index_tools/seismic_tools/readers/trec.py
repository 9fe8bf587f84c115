"""Read TREC runs."""

import math
from pathlib import Path

from ir_measures import ScoredDoc

from seismic import InputError
from seismic.lines import read_lines
from seismic_tools.readers.files import given


def read_trec(path: Path) -> dict[str, list[ScoredDoc]]:
    """Return the hits of each query of a run, best first; ties keep the order of the file.

    InputError names the line that is wrong, or the document that a query has twice.
    """
    runs: dict[str, dict[str, float]] = {}
    for number, line in enumerate(read_lines(given(path), "a TREC run"), 1):
        if not (words := line.split()):
            continue
        where = f"{path}, line {number}"
        if len(words) != 6:
            raise InputError(f"{where}: found {len(words)} words, expected 6: query, Q0, document, rank, score, tag")
        query, _, document, _, score, _ = words
        hits = runs.setdefault(query, {})
        if document in hits:
            raise InputError(f"{where}: found document {document!r} twice for query {query!r}, expected it once")
        hits[document] = _number(score, where)
    if not runs:
        raise InputError(f"{path}: found no hits, expected a TREC run")
    return {
        query: [ScoredDoc(query, name, score) for name, score in sorted(hits.items(), key=lambda hit: -hit[1])]
        for query, hits in runs.items()
    }


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: found the score {text!r}, expected a number")
    return number
