"""Places of an encoder's components in a text, for chunks and snippets."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

NOWHERE = -1
"""Component of a word that has none: a stop word, or one that the vocabulary lacks."""


class Place(NamedTuple):
    """A word piece, or a word of BM25: its component, and the characters from `start` to `end` of the text."""

    component: int
    start: int
    end: int


Locate: TypeAlias = Callable[[str], list[Place]]
"""Returns all places of a text in their order, without special pieces. Raises InputError for anything but text."""
