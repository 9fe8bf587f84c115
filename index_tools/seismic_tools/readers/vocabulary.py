"""Vocabulary files: one token per line; the line number, from 0, is the component."""

from pathlib import Path

from seismic import InputError, Vocabulary
from seismic.lines import read_lines
from seismic_tools.readers.files import given


def read_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary; InputError if it is missing, empty, not UTF-8 or repeats a token."""
    tokens = read_lines(given(path), "a vocabulary with one token per line")
    if "" in tokens or not tokens:
        raise InputError(
            f"{path}, line {tokens.index('') + 1 if tokens else 1}: found an empty line, expected one token per line"
        )
    vocabulary = Vocabulary(tokens)
    try:
        vocabulary.check_unique()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return vocabulary
