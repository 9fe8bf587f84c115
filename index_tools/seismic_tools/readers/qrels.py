"""Judgements (qrels): in the format of TREC, or in that of BEIR with three columns and a heading."""

from pathlib import Path

from ir_measures import Qrel

from seismic import InputError
from seismic.lines import read_lines
from seismic_tools.readers.beir import judgements_of
from seismic_tools.readers.files import given

HEADINGS = frozenset({"score", "relevance", "rel", "label", "grade", "judgement", "judgment", "rating"})
"""Names of the last column in a heading."""

EXPECTED = "query id, 0, document id, relevance (or without the 0), with an integer as relevance"


def read_qrels(path: Path) -> list[Qrel]:
    """Read judgements; InputError names the line.

    Fields are separated by tabs, or else by blanks. `path` may be a BEIR folder, whose test split is read.
    """
    file = judgements_of(path) if path.is_dir() else given(path)
    qrels = []
    for number, line in enumerate(read_lines(file, "judgements"), 1):
        fields = _fields(line)
        if not fields or (number == 1 and _is_heading(fields)):
            continue
        try:
            query, document = fields[0], fields[-2]
            relevance = float(fields[-1])
            if len(fields) not in (3, 4) or not relevance.is_integer():
                raise ValueError
        except (ValueError, IndexError):
            raise InputError(f"{file}, line {number}: found {line!r}, expected {EXPECTED}") from None
        qrels.append(Qrel(query, document, int(relevance)))
    if not qrels:
        raise InputError(f"{file}: found no judgements")
    return qrels


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split("\t")] if "\t" in line.strip() else line.split()


def _is_heading(fields: list[str]) -> bool:
    return len(fields) in (3, 4) and fields[-1].lower() in HEADINGS
