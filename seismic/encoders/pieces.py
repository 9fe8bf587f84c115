"""Split texts into word pieces, the components of an encoder's vectors."""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from seismic.encoders.places import Place
from seismic.errors import EncoderError, InputError
from seismic.stop import current

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EXTRA = "seismic-search[text]"


def optional_package(name: str) -> Any:
    """Import a package of the extra `text`. Raises EncoderError if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise EncoderError(f"encoding texts needs the package {name} ({error}); pip install '{EXTRA}'") from None


class Cut(NamedTuple):
    """The word pieces of a text, and the number of pieces that truncation removed."""

    pieces: list[int]
    beyond: int


class Pieces:
    """A Hugging Face tokenizer.json, with texts truncated to `max_length` pieces, special ones included."""

    def __init__(self, path: Path, max_length: int, lower_case: bool = False) -> None:
        """`lower_case`: lowercase texts before the tokenizer's own normalisation."""
        tokenizers = optional_package("tokenizers")
        try:
            self._tokenizer: Tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises plain Exception
            raise EncoderError(f"{path}: cannot be read as a tokenizer: {error}") from None
        if lower_case:
            own, lower = self._tokenizer.normalizer, tokenizers.normalizers.Lowercase()
            self._tokenizer.normalizer = tokenizers.normalizers.Sequence([lower, own]) if own else lower
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()  # the tokenizer's own truncation does not report what it removes
        self.max_length = max_length
        self._room: int = max_length - self._tokenizer.num_special_tokens_to_add(False)
        if self._room < 1:
            raise EncoderError(f"{path}: max_length {max_length} leaves no room for text")

    @cached_property
    def special(self) -> frozenset[int]:
        """The special pieces, such as [CLS] and [SEP]."""
        return frozenset(piece for piece, token in self._tokenizer.get_added_tokens_decoder().items() if token.special)

    def tokens(self, dimension: int | None = None) -> list[str]:
        """Return the token of every piece; with `dimension`, of every component of a model with extra components."""
        known = {piece: token for token, piece in self._tokenizer.get_vocab().items()}
        return [known.get(piece, f"[component {piece}]") for piece in range(dimension or max(known, default=-1) + 1)]

    def bare(self, text: str) -> list[int]:
        """Return all pieces of a text, without special ones. Raises StoppedError if the time is up."""
        current().check()
        return self._tokenizer.encode(checked_text(text), add_special_tokens=False).ids

    def places(self, text: str) -> list[Place]:
        """Return all pieces of a text with their characters, without special ones. Raises StoppedError if the time is
        up."""
        current().check()
        encoding = self._tokenizer.encode(checked_text(text), add_special_tokens=False)
        return [Place(piece, *ends) for piece, ends in zip(encoding.ids, encoding.offsets, strict=True)]

    @property
    def room(self) -> int:
        """Most pieces of a text that the model reads, without special ones."""
        return self._room

    def for_model(self, text: str) -> Cut:
        """Return the model's input: truncated, with special pieces. Raises StoppedError if the time is up."""
        current().check()
        encoding = self._tokenizer.encode(checked_text(text), add_special_tokens=False)
        beyond = max(0, len(encoding.ids) - self._room)
        encoding.truncate(self._room)
        return Cut(self._tokenizer.post_process(encoding, None, True).ids, beyond)


def blank_rows(texts: Sequence[str]) -> list[bool]:
    """Return which texts are blank. Their vectors are empty; a model would return components for them."""
    return [not checked_text(text).strip() for text in texts]


def checked_text(text: Any) -> str:
    """Check that `text` is a str of valid Unicode. The tokenizer also accepts lists, and reports surrogates poorly."""
    if not isinstance(text, str):
        raise InputError(f"found a {type(text).__name__}, expected text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"found the lone surrogate {text[error.start]!r} at character {error.start}, expected valid Unicode"
        ) from None
    return text
