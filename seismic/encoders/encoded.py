"""The result of encoding texts."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.vectors import SparseVectors


class Encoded(NamedTuple):
    """Vectors of n texts, and ``cut`` int64 [n], the number of word pieces that truncation removed from each."""

    vectors: SparseVectors
    cut: npt.NDArray[np.int64]


Encode: TypeAlias = Callable[[Sequence[str]], Encoded]
"""Encodes texts on the calling thread. Models release the GIL.

Blank texts get empty vectors. A vector does not depend on the other texts, except for rounding. Raises InputError for
anything other than text, EncoderError if a model fails, and DeadlineError or StoppedError between two model runs.
"""


def joined(fields: Iterable[str | None]) -> str:
    """Join a document's non-empty fields by a space."""
    return " ".join(field for field in fields if field)
