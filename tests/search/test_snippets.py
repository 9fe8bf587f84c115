"""Snippets show the passage of a text with the strongest matches, and where these are."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import GroupBy, Index, ParameterError, SearchRequest, fit_bm25
from seismic.encoders import Place
from seismic.search.snippets import Match, snippet_of

FILLER = "It is cold and windy out there. " * 30
TEXTS = [
    f"The sun is a star. {FILLER}Mars is a red planet with two small moons. {FILLER}",
    "Mars and Mars.",
    "Čeština: Mars má dva měsíce 🪐.",
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("snippets") / "sky"
    fitted = fit_bm25(TEXTS)
    documents = pa.table({"id": ["sun", "mars", "cz"], "text": TEXTS, "lang": ["en", "en", "cs"], "none": [None] * 3})
    seismic.build(fitted.vectors, folder, documents=documents, encoder=fitted.encoder)
    return seismic.open(folder)


def naive(text: str, words: list[str], length: int) -> int:
    """Return how many of `words` the best passage of a text has."""
    return max(len({word for word in words if word in text[at : at + length].lower()}) for at in range(len(text)))


@pytest.mark.parametrize("length", [10, 30, 60, 240])
def test_the_passage_holds_as_many_words_as_any(index: Index, length: int) -> None:
    (hit, *_) = [hit for hit in index.search("two moons of mars", snippet={"length": length}) if hit.id == "sun"]
    found = hit.snippet
    assert found is not None
    assert found.column == "text"
    assert found.text == TEXTS[0][found.start : found.end]
    assert len(found.text) <= length
    marked = [found.text[start:end].lower() for start, end in found.highlights]
    assert len(set(marked)) == naive(TEXTS[0], ["two", "moons", "mars"], length)


def test_offsets_count_characters_of_any_script(index: Index) -> None:
    (hit,) = index.search("měsíce", snippet=True)
    assert hit.snippet is not None
    assert hit.snippet.marked() == "Čeština: Mars má dva **měsíce** 🪐."


def test_pieces_of_a_word_are_one_highlight(tmp_path: Path) -> None:
    encoder = seismic.load_encoder("splade-tiny")
    texts = ["A story of hematopoiesis, and nothing else."]
    documents = pa.table({"id": ["a"], "text": texts})
    seismic.build(encoder.encode_documents(texts).vectors, tmp_path / "c", documents=documents, encoder=encoder)
    with seismic.open(tmp_path / "c") as index:
        (hit,) = index.search("hematopoiesis", snippet=True)
    assert hit.snippet is not None
    assert "hematopoiesis" in [hit.snippet.text[start:end] for start, end in hit.snippet.highlights]


def test_without_matches_it_is_the_beginning() -> None:
    assert snippet_of("text", "one two three", [], 8)[1:] == ("one two", 0, 7, ())
    assert snippet_of("text", "", [], 8)[1:] == ("", 0, 0, ())


def test_weak_matches_are_not_highlighted() -> None:
    matches = [Match(Place(0, 0, 3), 1.0), Match(Place(1, 4, 7), 0.01)]
    assert snippet_of("text", "one two", matches, 100).highlights == ((0, 3),)


def test_groups_have_snippets_too(index: Index) -> None:
    answer = index.ask(SearchRequest(query="mars", group_by=GroupBy(key="lang"), snippet=True))
    assert answer.groups is not None
    assert [group.hits[0].snippet.text[:4] for group in answer.groups if group.hits[0].snippet] == ["Mars", "Češt"]


def test_collections_of_tokens_match_words(tmp_path: Path) -> None:
    seismic.build([{"red": 1.0}], tmp_path / "c", documents={"id": ["a"], "text": ["A Red one"]}, vocabulary=["red"])
    with seismic.open(tmp_path / "c") as index:
        (hit,) = index.search({"tokens": {"red": 1.0}}, snippet=True)
    assert hit.snippet is not None
    assert hit.snippet.marked("[", "]") == "A [Red] one"


def test_wrong_columns_are_named(index: Index) -> None:
    with pytest.raises(ParameterError, match=r"snippet\.column: found no column 'body'; this collection has text"):
        index.search("mars", snippet={"column": "body"})
    with pytest.raises(ParameterError, match=r"snippet\.column: 'none' holds null, expected texts"):
        index.search("mars", snippet={"column": "none"})
    with pytest.raises(ParameterError, match="without a query, found snippet"):
        SearchRequest(snippet=True)


def test_collections_without_words_say_so(tmp_path: Path) -> None:
    seismic.build([{3: 1.0}], tmp_path / "c", documents={"id": ["a"], "text": ["red"]})
    with seismic.open(tmp_path / "c") as index, pytest.raises(ParameterError, match="neither an encoder nor a vocab"):
        index.search({3: 1.0}, snippet=True)


def test_html_is_escaped() -> None:
    snippet = snippet_of("text", "<b> mars", [Match(Place(0, 4, 8), 1.0)], 100)
    assert snippet._repr_html_() == "&lt;b&gt; <mark>mars</mark>"
