"""Split texts into the terms of BM25: Unicode words, folded, without stop words, stemmed."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from seismic.encoders.pieces import checked_text, optional_package
from seismic.errors import ParameterError
from seismic.vectors import ComponentOf

VERSION = "words-1"
"""Part of the hash of an encoder: change it with anything that changes the terms of a text."""

_ENGLISH = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
ENGLISH = frozenset(_ENGLISH.split())
"""The stop words of Lucene's EnglishAnalyzer, and of bm25s and Tantivy."""

_ASCII_WORD = re.compile(r"\w+", re.ASCII)
_UNSPACED = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Hiragana and Han: scripts without spaces, in which every character is a word, as in Unicode's word boundaries."""


MARKS_END = 0x1E950
"""Combining marks of scripts lie below."""


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded: letters, digits, marks and underscores. Raises InputError for other types."""
    if checked_text(text).isascii():
        return _ASCII_WORD.findall(text.lower())
    return _words_of_any_script(text)


def spaced(text: str) -> str:
    """Return a text in which ASCII characters that belong to no word separate those of `words_of`.

    ASCII letters may still have to be folded. Most pieces of most texts are ASCII, and need no pattern.
    """
    if text.isascii():
        return text
    return " ".join(piece if piece.isascii() else " ".join(_words_of_any_script(piece)) for piece in text.split())


def _words_of_any_script(text: str) -> list[str]:
    return _unicode_word().findall(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return the first and the last + 1 character of each word of a text. Raises InputError for other types."""
    pattern = _ASCII_WORD if checked_text(text).isascii() else _unicode_word()
    return [found.span() for found in pattern.finditer(text)]


class Numbering:
    """Numbers terms: those of a vocabulary by `component`, new ones from `known` on, in order of appearance.

    ``new``: the new terms with their numbers. For one thread.
    """

    def __init__(self, component: ComponentOf, known: int) -> None:
        self.new: dict[str, int] = {}
        self._component, self._known = component, known

    def __call__(self, term: str) -> int:
        """Return the number of a term."""
        known = self._component(term)
        return self.new.setdefault(term, self._known + len(self.new)) if known is None else known


class Terms:
    """Numbers the term of a word: `number` of its stem; -1 for stop words. For one thread."""

    def __init__(self, number: Callable[[str], int], stemmer: str | None, stop_words: str | None) -> None:
        self._number = number
        self._stem = None if stemmer is None else load_stemmer(stemmer).stemWord
        self._stop_words = ENGLISH if stop_words == "english" else frozenset()

    def __call__(self, word: str) -> int:
        """Return the number of a word's term."""
        return -1 if word in self._stop_words else self._number(self._stem(word) if self._stem else word)


def load_stemmer(algorithm: str) -> Any:
    """Return a Snowball stemmer for one thread. Raises ParameterError for an unknown algorithm, EncoderError without
    the package."""
    package = optional_package("Stemmer")
    try:
        return package.Stemmer(algorithm, 0)  # without its cache: `Terms` is one
    except KeyError:
        known = ", ".join(package.algorithms())
        raise ParameterError(f"stemmer is {algorithm!r}, expected one of {known}") from None


@cache
def _unicode_word() -> re.Pattern[str]:
    r"""Return the pattern of a word in any script. `\w` lacks combining marks, without which Indic words fall apart."""
    marks = "".join(re.escape(one) for one in map(chr, range(MARKS_END)) if unicodedata.category(one)[0] == "M")
    return re.compile(rf"[{_UNSPACED}]|(?:[^\W{_UNSPACED}]+[{marks}]*)+")
