"""What writers are told."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seismic_tools.writers.parts import Chunk, Parts


class Writing(NamedTuple):
    """How vectors are written.

    ``tokens``: the names of components, if they are known; ``numbered_here``: whether components only count the tokens
    as they appeared, and so mean nothing without them; ``scale``: what weights are multiplied by where they must be
    integers; ``scratch``: a folder for temporary files; ``progress`` is told (documents written, documents in all).
    """

    tokens: Sequence[str] | None
    numbered_here: bool
    scale: float
    scratch: Path
    progress: Callable[[int, int], None]

    def chunks(self, parts: Parts) -> Iterator[Chunk]:
        """The parts' chunks, each reported once the next is asked for."""
        done = 0
        for chunk in parts:
            yield chunk
            done += len(chunk.vectors)
            self.progress(done, parts.rows)
