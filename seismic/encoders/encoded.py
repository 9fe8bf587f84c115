"""The result of encoding texts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic.conversion.plain import excerpt
from seismic.errors import InputError
from seismic.vectors import SparseVectors


class Encoded(NamedTuple):
    """Vectors of n texts, and ``cut`` int64 [n], the number of word pieces that truncation removed from each.

    ``unknown``: the terms of the texts that the encoder's vocabulary lacks, in order of appearance. They are not in
    ``vectors``.
    """

    vectors: SparseVectors
    cut: npt.NDArray[np.int64]
    unknown: tuple[str, ...] = ()


Encode: TypeAlias = Callable[[Sequence[str]], Encoded]
"""Encodes texts on the calling thread. Models release the GIL.

Blank texts get empty vectors. A vector does not depend on the other texts, except for rounding. Raises InputError for
anything other than text, EncoderError if a model fails, and DeadlineError or StoppedError between two model runs.
"""


def as_texts(texts: Any) -> list[Any]:
    """Return a list of texts. Raises InputError for one text, or anything that is no list of something."""
    try:
        if isinstance(texts, str):
            raise TypeError("one text is no list")
        return list(texts)
    except TypeError:
        raise InputError(f"found {excerpt(texts)}, expected a list of texts") from None


def joined(fields: Iterable[str | None]) -> str:
    """Join a document's non-empty fields by a space."""
    return " ".join(field for field in fields if field)
