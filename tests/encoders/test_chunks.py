"""Long texts are cut into chunks that cover them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import Chunking, ParameterError, fit_bm25, load_encoder
from seismic.encoders import chunks_of

WORDS = fit_bm25([]).encoder.locate


@given(
    st.text(st.sampled_from("ab .,č\n"), max_size=60),
    st.integers(1, 6).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))),
)
def test_chunks_cover_every_word_once_or_overlap(text: str, sizes: tuple[int, int]) -> None:
    size, overlap = sizes
    chunks = chunks_of(text, WORDS, Chunking(size=size, overlap=overlap))
    places = WORDS(text)
    covered = [0] * len(places)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip()
        inside = [at for at, place in enumerate(places) if chunk.start <= place.start and place.end <= chunk.end]
        assert len(inside) <= size
        for at in inside:
            covered[at] += 1
    assert all(covered)
    assert len(chunks) == 1 or overlap or set(covered) <= {1}
    assert [chunk.start for chunk in chunks] == sorted({chunk.start for chunk in chunks})


def test_sizes_are_exact() -> None:
    chunks = chunks_of("a b c d e f g", WORDS, Chunking(size=3, overlap=1))
    assert [chunk.text for chunk in chunks] == ["a b c", "c d e", "e f g"]
    assert [(chunk.start, chunk.end) for chunk in chunks] == [(0, 5), (4, 9), (8, 13)]
    assert [chunk.text for chunk in chunks_of("a b c", WORDS, Chunking(size=3))] == ["a b c"]
    assert [chunk.text for chunk in chunks_of("", WORDS, Chunking(size=3))] == [""]


def test_words_are_not_cut_in_pieces() -> None:
    text = "hematopoiesis and erythropoietin in thrombocytopenia"
    encoder = load_encoder("splade-tiny")
    for size in (3, 5, 8):
        for chunk in chunks_of(text, encoder.locate, Chunking(size=size)):
            words = text.split()
            whole = [word for word in chunk.text.split() if word in words]
            assert whole == chunk.text.split() or len(encoder.locate(max(words, key=len))) > size


@pytest.mark.parametrize(("size", "overlap"), [(3, 3), (3, 4), (0, 0), (3, -1)])
def test_impossible_chunks_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ParameterError):
        Chunking(size=size, overlap=overlap)


def test_chunks_longer_than_the_model_reads_are_refused() -> None:
    with pytest.raises(ParameterError, match="chunk is 255, expected at most 254: encoder 'splade-tiny' reads no more"):
        load_encoder("splade-tiny").recorded(chunks=Chunking(size=255))
