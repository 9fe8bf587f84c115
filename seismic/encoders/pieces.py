"""Texts as word pieces, which are the components of encoders' vectors."""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seismic.errors import EncoderError, InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EXTRA = "seismic-search[text]"


def optional_package(name: str) -> Any:
    """A package that only encoders need; EncoderError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise EncoderError(f"encoding texts needs the package {name} ({error}); pip install '{EXTRA}'") from None


class Cut(NamedTuple):
    """Word pieces of a text, and how many more it had than there was room for."""

    pieces: list[int]
    beyond: int


class Pieces:
    """Cuts texts into word pieces, as a Hugging Face tokenizer.json says; up to `max_length`, special ones included."""

    def __init__(self, path: Path, max_length: int) -> None:
        tokenizers = optional_package("tokenizers")
        try:
            self._tokenizer: Tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library has no class of its own for them
            raise EncoderError(f"{path}: cannot be read as a tokenizer: {error}") from None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()  # or it would not say how much it cuts
        self._room = max_length - self._tokenizer.num_special_tokens_to_add(False)
        if self._room < 1:
            raise EncoderError(f"{path}: max_length {max_length} leaves no room for text")

    @cached_property
    def special(self) -> frozenset[int]:
        """Pieces that stand for no text."""
        return frozenset(piece for piece, token in self._tokenizer.get_added_tokens_decoder().items() if token.special)

    def tokens(self, dimension: int | None = None) -> list[str]:
        """The token of every piece, or of every component of a model that has some more than the tokenizer."""
        known = {piece: token for token, piece in self._tokenizer.get_vocab().items()}
        return [known.get(piece, f"[component {piece}]") for piece in range(dimension or max(known, default=-1) + 1)]

    def bare(self, text: str) -> list[int]:
        """All pieces of a text, without special ones."""
        return self._tokenizer.encode(_checked(text), add_special_tokens=False).ids

    def for_model(self, text: str) -> Cut:
        """The pieces that a model gets to see."""
        encoding = self._tokenizer.encode(_checked(text), add_special_tokens=False)
        beyond = max(0, len(encoding.ids) - self._room)
        encoding.truncate(self._room)
        return Cut(self._tokenizer.post_process(encoding, None, True).ids, beyond)


def blank_rows(texts: Sequence[str]) -> list[bool]:
    """Which texts say nothing. Their vectors are empty: models make some of nothing, too."""
    return [not _checked(text).strip() for text in texts]


def _checked(text: Any) -> str:
    """Not left to the tokenizer: it takes lists of words as well, and has no good words for half a surrogate pair."""
    if not isinstance(text, str):
        raise InputError(f"found a {type(text).__name__}, expected text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"character {error.start} is {text[error.start]!r}, expected text") from None
    return text
