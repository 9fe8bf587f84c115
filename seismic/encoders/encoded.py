"""What encoding makes of texts."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.vectors import SparseVectors


class Encoded(NamedTuple):
    """Vectors of n texts, and int64 [n] how many word pieces of each were beyond the encoder's length, so cut off."""

    vectors: SparseVectors
    cut: npt.NDArray[np.int64]


Encode: TypeAlias = Callable[[Sequence[str]], Encoded]
"""Encodes texts on the calling thread, which does not hold the GIL while a model runs. Blank texts get empty vectors. A
vector does not depend on the other texts, but for the last bits of its values. Raises InputError for what is no text,
EncoderError if a model fails, and DeadlineError or StoppedError between two of its runs, as searches do."""


def joined(fields: Iterable[str | None]) -> str:
    """One text of a document's fields: those that say something, with a space between."""
    return " ".join(field for field in fields if field)
