"""Texts and points are matched a slice at a time, within the deadline."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import CorruptIndexError, StoppedError
from seismic.filters import geo, texts
from seismic.filters.predicates import HasWords, InRadius, Like
from seismic.filters.texts import texts_matching, words_of
from seismic.stop import Stop, stoppable_by
from tests import naive_filters

LETTERS = "aAsSßẞ ﬁİıſKǅ_-\0\n1é\u0301東"
some_texts = st.lists(st.none() | st.text(LETTERS, max_size=8), max_size=12)


@given(st.text(LETTERS + "\ud800", max_size=12))
def test_words_are_those_of_the_oracle(text: str) -> None:
    clean = text.replace("\ud800", "?")
    assert list(words_of(text)) == sorted(set(naive_filters.words(clean)))


@given(some_texts, st.text(LETTERS, max_size=4), st.integers(1, 64), st.integers(0, 3))
def test_slices_change_nothing(values: list[str | None], wanted: str, size: int, skipped: int) -> None:
    column = pa.array(values, pa.string()).slice(skipped)
    rest = values[skipped:]
    words = words_of(wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "SLICE_BYTES", size)
        for kind in (pa.string(), pa.large_string()):
            found = texts_matching(Like(("x",), "substring", wanted), column.cast(kind))
            assert found.tolist() == [one is not None and wanted in one for one in rest]
            if words:
                found = texts_matching(HasWords(("x",), words), column.cast(kind))
                expected = [one is not None and set(words) <= set(naive_filters.words(one)) for one in rest]
                assert found.tolist() == expected


def test_large_strings_whose_offsets_do_not_begin_at_0() -> None:
    column = pa.array(["ab", "One"]).slice(1).cast(pa.large_string())
    assert texts_matching(HasWords(("x",), ("one",)), column).tolist() == [True]


@pytest.mark.parametrize(
    "match",
    [
        lambda: texts_matching(Like(("x",), "prefix", "a"), pa.array(["word"] * 1000)),
        lambda: texts_matching(HasWords(("x",), ("word",)), pa.array(["word", "Straße"] * 500)),
        lambda: geo.points_matching(InRadius(("x",), 0, 0, 1), pa.array([{"lat": 0.0, "lon": 0.0}] * 1000)),
    ],
)
def test_every_slice_looks_at_the_deadline(match: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "SLICE_BYTES", 500)
    monkeypatch.setattr(geo, "ROWS_PER_CHECK", 100)
    counted = 0

    class Counting(Stop):
        def check(self) -> None:
            nonlocal counted
            counted += 1

    with stoppable_by(Counting()):
        match()
    assert counted >= 8
    stop = Stop()
    stop.set()
    with stoppable_by(stop), pytest.raises(StoppedError):
        match()


def test_text_that_is_not_utf_8_is_damage() -> None:
    column = pa.array([b"caf\xe9 \xff"], pa.binary()).view(pa.string())
    with pytest.raises(CorruptIndexError, match="found text that is not UTF-8"):
        texts_matching(HasWords(("x",), ("a",)), column)


def test_distances_on_a_sphere() -> None:
    """Berlin to Paris is 877.5 km on a sphere of the mean radius."""
    column = pa.array([{"lat": 48.8566, "lon": 2.3522}])
    near = [geo.points_matching(InRadius(("x",), 52.52, 13.405, radius), column)[0] for radius in (877_000, 878_000)]
    assert near == [False, True]
    opposite = pa.array([{"lat": -52.52, "lon": 13.405 - 180}])
    half = np.pi * geo.EARTH_RADIUS
    found = [
        geo.points_matching(InRadius(("x",), 52.52, 13.405, radius), opposite)[0] for radius in (half - 1, half + 1)
    ]
    assert found == [False, True]
