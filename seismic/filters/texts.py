"""Match strings by their start, a part, or their words; by Arrow's kernels, a few megabytes at a time.

Words are compared after Unicode's full case folding, so that `STRASSE` matches `Straße`. A word is a run of letters,
marks, digits (and other numbers) and underscores; texts are not normalised.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.documents.values import not_text
from seismic.filters.columns import to_mask
from seismic.filters.predicates import HasWords, Like
from seismic.stop import current

MAX_WORDS = 32
"""Largest number of different words in a full-text match."""

SLICE_BYTES = 4 << 20
"""Text that is matched between two looks at the deadline: milliseconds."""

_NO_WORD = r"[^\pL\pM\pN_]"
"""A character between words, for RE2."""

_SEPARATOR = "\0"


def words_of(text: str) -> tuple[str, ...]:
    """Return the different words of a text, case-folded, in ascending order."""
    folded = text.encode(errors="replace").decode().casefold()
    words = pc.split_pattern_regex(pa.array([folded]), f"{_NO_WORD}+")[0].as_py()
    return tuple(sorted(set(words) - {""}))


def texts_matching(leaf: Like | HasWords, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which strings match, bool [rows]. Raises StoppedError if the time is up, and CorruptIndexError."""
    masks = []
    for texts in _slices(column):
        current().check()
        masks.append(_like(leaf, texts) if isinstance(leaf, Like) else _has_words(leaf, texts))
    return np.concatenate(masks) if masks else np.zeros(0, bool)


def _slices(column: pa.Array) -> Iterator[pa.Array]:
    rows = max(1, len(column) * SLICE_BYTES // max(1, column.nbytes))
    for first in range(0, len(column), rows):
        yield column.slice(first, rows)


def _like(leaf: Like, texts: pa.Array) -> npt.NDArray[np.bool_]:
    matches = pc.starts_with if leaf.place == "prefix" else pc.match_substring
    return to_mask(matches(texts, leaf.text))


def _has_words(leaf: HasWords, texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which strings have all words. Those of other alphabets than ASCII are folded at a higher cost."""
    mask, ascii_only = np.zeros(len(texts), bool), to_mask(pc.string_is_ascii(texts))
    others = to_mask(texts.is_valid()) & ~ascii_only
    for rows, fold in ((ascii_only, pc.ascii_lower), (others, _folded)):
        if rows.any():
            # A copy even of all rows: Arrow 26 lowers other bytes if the offsets of large strings do not begin at 0.
            found = fold(texts.filter(pa.array(rows)))
            matching = np.ones(len(found), bool)
            for word in leaf.words:
                current().check()
                pattern = f"(?:^|{_NO_WORD}){word}(?:{_NO_WORD}|$)"
                matching &= to_mask(pc.match_substring_regex(found, pattern))
            mask[rows] = matching
    return mask


def _folded(texts: pa.Array) -> pa.Array:
    """Return the case folding of strings without nulls. Python folds all of them as one string."""
    try:
        listed = pc.replace_substring(texts, _SEPARATOR, " ").to_numpy(zero_copy_only=False).tolist()
    except (UnicodeDecodeError, pa.ArrowException):  # Arrow's message repeats the whole text
        raise not_text("a column of texts", ValueError("invalid bytes")) from None
    return pa.array(_SEPARATOR.join(listed).casefold().split(_SEPARATOR), texts.type)
