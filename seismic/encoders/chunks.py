"""Chunks: long texts in parts that an encoder reads as a whole, each a document of its own."""

from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from seismic.encoders.places import Locate
from seismic.params import Params

PARENT, CHUNK, START, END = COLUMNS = ("parent", "chunk", "start", "end")
"""Columns of a chunk: the id of its document, its number from 0, and its first and last + 1 character."""

MOST = 1 << 20


class Chunking(Params):
    """How long texts are cut into chunks."""

    size: Annotated[int, Field(ge=1, le=MOST)]
    """Most word pieces of a chunk, as the encoder's tokenizer counts them; words for BM25."""

    overlap: Annotated[int, Field(ge=0, le=MOST)] = 0
    """Word pieces that a chunk repeats from the end of the one before. Fewer than `size`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.overlap >= self.size:
            message = "overlap is {overlap}, expected less than {size}, the size of a chunk"
            raise PydanticCustomError("overlap", message, {"overlap": self.overlap, "size": self.size})
        return self


class Chunk(NamedTuple):
    """A part of a text: the characters from `start` to `end`."""

    text: str
    start: int
    end: int


def chunks_of(text: str, locate: Locate, chunking: Chunking) -> list[Chunk]:
    """Return the chunks of a text, at least one. No word is cut in two unless it is longer than a chunk.

    The last chunk is never a mere repetition of the one before.
    """
    starts = [place.start for place in locate(text)]
    chunks: list[Chunk] = []
    first = 0
    while first + chunking.size < len(starts):
        last = _start_of_word(text, starts, first + chunking.size, first)
        chunks.append(_chunk(text, starts[first] if chunks else 0, starts[last]))
        following = _start_of_word(text, starts, last - chunking.overlap, first)
        first = following if following > first else last
    chunks.append(_chunk(text, starts[first] if chunks else 0, len(text)))
    return chunks


def _start_of_word(text: str, starts: list[int], at: int, after: int) -> int:
    """Return the last place up to `at` that starts a word, if there is one behind `after`; otherwise `at`."""
    for place in range(at, after, -1):
        start = starts[place]
        if start == 0 or not (text[start].isalnum() and text[start - 1].isalnum()):
            return place
    return at


def _chunk(text: str, start: int, end: int) -> Chunk:
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    return Chunk(part.strip(), start, start + len(part.strip()))
