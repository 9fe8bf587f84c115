"""Parameters of writers."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from seismic_tools.writers.parts import Chunk, Parts


class Writing(NamedTuple):
    """How to write vectors.

    ``tokens``: names of the components, if known; ``numbered_here``: whether components number the tokens in order of
    appearance, and so need them; ``scale``: factor of weights in formats with integers; ``scratch``: folder for
    temporary files; ``progress``: called with (documents written, total).
    """

    tokens: Sequence[str] | None
    numbered_here: bool
    scale: float
    scratch: Path
    progress: Callable[[int, int], None]

    def chunks(self, parts: Parts) -> Iterator[Chunk]:
        """Yield the chunks of the parts and report progress."""
        done = 0
        for chunk in parts:
            yield chunk
            done += len(chunk.vectors)
            self.progress(done, parts.rows)
