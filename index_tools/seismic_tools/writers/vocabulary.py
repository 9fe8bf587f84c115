"""Vocabulary files, as `seismic_tools.readers.vocabulary` reads them: one token per line."""

from collections.abc import Iterable
from pathlib import Path

from seismic import InputError
from seismic_tools.writers.parts import put_in_place


def write_vocabulary(path: Path, tokens: Iterable[str]) -> None:
    """Write a vocabulary file; InputError for tokens that are empty or contain a line break."""
    lines = list(tokens)
    for component, token in enumerate(lines):
        if not token or "\n" in token or token.endswith("\r"):
            raise InputError(f"token {token!r} of component {component} cannot be a line of a vocabulary file")
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text("".join(f"{token}\n" for token in lines), encoding="utf-8", newline="")
    put_in_place(unfinished, path)
