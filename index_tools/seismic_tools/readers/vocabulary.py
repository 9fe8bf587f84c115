"""Vocabulary files: one token per line; the line number, from 0, is the component."""

from pathlib import Path

from seismic import InputError, Vocabulary


def read_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary in a text file; InputError if it is missing, empty, not UTF-8 or repeats a token."""
    try:
        # Split at line feeds only: real vocabularies contain other characters that end lines.
        lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, expected a vocabulary with one token per line") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8") from None
    tokens = [line.removesuffix("\r") for line in lines]
    if "" in tokens:
        raise InputError(f"{path}, line {tokens.index('') + 1}: found an empty line, expected one token per line")
    vocabulary = Vocabulary(tokens)
    try:
        vocabulary.check_unique()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return vocabulary
