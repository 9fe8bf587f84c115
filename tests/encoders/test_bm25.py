"""BM25: how it splits texts, what it scores, and what it remembers."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seismic
from seismic import (
    Bm25,
    EncoderError,
    InputError,
    ParameterError,
    SparseVectors,
    encode_texts,
    extend_bm25,
    fit_bm25,
    load_encoder,
)
from seismic.encoders import TermCounter, counting, load_recorded, weighted
from seismic.encoders.counting import TermFrequencies
from seismic.encoders.words import ENGLISH, Numbering, words_of
from tests.encoders.naive_bm25 import scores
from tests.reader import ROOT

SCIFACT = ROOT / "tests" / "data" / "scifact"
QUERIES = 25

TEXTS = ["Mars is a planet", "Venus, too, is a planet: a hot planet", "The sun is a star", ""]


def terms_of(text: str, params: Bm25) -> list[str]:
    """The terms of a text by the encoder's own rules, as strings."""
    numbering = Numbering(lambda _: None, 0)
    numbers, _ = TermFrequencies(params.terms(numbering)).numbers([text])
    names = {number: term for term, number in numbering.new.items()}
    return [names[number] for number in numbers.tolist() if number >= 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World! x2 snake_case", ["hello", "world", "x2", "snake_case"]),
        ("don't O'Neill 3.14", ["don", "t", "o", "neill", "3", "14"]),
        ("", []),
        (" \t\n…—", []),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("café cafe\u0301 CAFÉ", ["café", "café", "café"]),
        ("ﬁnal ２０２４", ["final", "2024"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("東京タワー and ひら", ["東", "京", "タワー", "and", "ひ", "ら"]),
        ("Ελλάδα ΕΛΛΆΔΑ", ["ελλάδα", "ελλάδα"]),
        ("\u0301 alone", ["alone"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


def test_stems_and_stop_words() -> None:
    params = Bm25(stemmer="english", stop_words="english")
    assert terms_of("The planets are running into the Sun", params) == ["planet", "run", "sun"]
    assert terms_of("The planets", Bm25()) == ["the", "planets"]


@pytest.fixture(scope="module", params=[Bm25(), Bm25(k1=0.9, b=0.4, stemmer="english", stop_words="english")])
def scifact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bm25]:
    """SciFact by BM25, and the parameters."""
    documents = pq.read_table(SCIFACT / "documents.parquet", columns=["id", "text"])
    fitted = fit_bm25(documents["text"].to_pylist(), request.param)
    out = tmp_path_factory.mktemp("bm25") / "scifact"
    seismic.build(fitted.vectors, out, documents=documents, encoder=fitted.encoder)
    return out, request.param


def test_scores_are_those_of_lucene_and_bm25s(scifact: tuple[Path, Bm25]) -> None:
    path, params = scifact
    texts = pq.read_table(SCIFACT / "documents.parquet", columns=["text"])["text"].to_pylist()
    documents = [terms_of(text, params) for text in texts]
    average = sum(map(len, documents)) / len(documents)
    claims = pq.read_table(SCIFACT / "queries.parquet", columns=["text"])["text"].to_pylist()[:QUERIES]
    with seismic.open(path) as index:
        for claim in claims:
            expected = np.array(scores(terms_of(claim, params), documents, params.k1, params.b, average))
            hits = index.search(claim, 20)
            assert [hit.score for hit in hits] == pytest.approx(np.sort(expected)[::-1][:20].tolist(), abs=1e-3)
            assert [hit.score for hit in hits] == pytest.approx(
                expected[[hit.number for hit in hits]].tolist(), abs=1e-3
            )


def build(out: Path, texts: list[str], params: Bm25 | None = None) -> Path:
    fitted = fit_bm25(texts, params)
    documents = pa.table({"id": [str(row) for row in range(len(texts))], "text": texts})
    seismic.build(fitted.vectors, out, documents=documents, encoder=fitted.encoder)
    return out


def naive(query: str, texts: list[str], average: float) -> list[float]:
    params = Bm25()
    return scores(terms_of(query, params), [terms_of(text, params) for text in texts], params.k1, params.b, average)


def found(path: Path, query: str) -> dict[Any, float]:
    with seismic.open(path) as index:
        return {hit.id: hit.score for hit in index.search(query)}


def test_a_repeated_word_of_the_query_counts_twice(tmp_path: Path) -> None:
    path = build(tmp_path / "c", TEXTS)
    average = sum(len(words_of(text)) for text in TEXTS) / len(TEXTS)
    for query in ("planet", "planet hot", "planet planet hot"):
        expected = naive(query, TEXTS, average)
        assert found(path, query) == pytest.approx({"0": expected[0], "1": expected[1]}, abs=1e-4)


def test_idf_follows_changes_and_the_average_length_stays(tmp_path: Path) -> None:
    path = build(tmp_path / "c", TEXTS)
    average = sum(len(words_of(text)) for text in TEXTS) / len(TEXTS)
    with seismic.open(path) as index:
        encoder = index.encoder
    seismic.delete(path, ["2"])
    new = ["a hot star", "a planet"]
    encoded = encoder.encode_documents(new)
    seismic.upsert(path, encoded.vectors, pa.table({"id": ["4", "5"], "text": new}), encoder=encoder)
    now = [TEXTS[0], TEXTS[1], TEXTS[3], *new]
    expected = dict(zip(["0", "1", "3", "4", "5"], naive("hot planet star", now, average), strict=True))
    expected = {name: score for name, score in expected.items() if score}
    assert found(path, "hot planet star") == pytest.approx(expected, abs=1e-4)
    seismic.compact(path)
    assert found(path, "hot planet star") == pytest.approx(expected, abs=1e-4)
    with seismic.open(path) as index:
        assert index.manifest.encoder is not None
        assert index.manifest.encoder.bm25 == Bm25(average_length=average)
        assert index.manifest.writer_features == ["encoder", "bm25"]


def test_parameters_and_fields_are_remembered(tmp_path: Path) -> None:
    params = Bm25(k1=2.0, b=0.1, stemmer="german", average_length=7.5)
    fitted = fit_bm25(["Häuser und Bäume"], params)
    recorded = fitted.encoder.recorded(fields=["title", "text"])
    seismic.build(fitted.vectors, tmp_path / "c", encoder=recorded)
    with seismic.open(tmp_path / "c") as index:
        entry = index.manifest.encoder
        assert entry == recorded.entry
        assert entry is not None
        assert (entry.bm25, entry.queries, entry.fields) == (params, "idf", ("title", "text"))
        assert index.search("Haus")[0].score > 0


def test_words_that_the_vocabulary_lacks_are_named() -> None:
    encoder = fit_bm25(TEXTS).encoder
    encoded = encoder.encode_documents(["Pluto is a planet", "Pluto and Ceres"])
    assert encoded.unknown == ("pluto", "and", "ceres")
    assert encoded.vectors.dimension == len(encoder.vocabulary)
    assert len(encoded.vectors[1][0]) == 0
    full = fit_bm25(["Pluto is a planet"], Bm25(average_length=encoder.entry.bm25.average_length)).vectors  # type: ignore[union-attr]
    assert encoded.vectors[0][1].tolist() == full[0][1].tolist()[1:]  # unknown words count for the length
    assert encoder.encode_queries(["is Pluto hot"]).unknown == ("pluto",)
    parts = encode_texts(encoder.encode_documents, ["Pluto", *["sun"] * 100, "Pluto Ceres"])
    assert parts.unknown == ("pluto", "ceres")


def test_queries_tell_of_unknown_words(tmp_path: Path) -> None:
    with seismic.open(build(tmp_path / "c", TEXTS)) as index:
        answer = index.answer("is Pluto a planet")
        assert answer.unknown == ("pluto",)
        assert {hit.id for hit in answer.hits} == {"0", "1", "2"}
        assert index.answer("Pluto").warnings == (
            "the collection knows none of the query's components, so nothing matches",
        )


def test_documents_in_parts_get_the_weights_of_the_whole() -> None:
    counter = TermCounter(Bm25())
    parts = [counter(TEXTS[:2]).vectors, counter(TEXTS[2:]).vectors]
    counts = SparseVectors.concatenate(parts)
    encoder = counter.encoder(counts)
    whole = fit_bm25(TEXTS)
    assert encoder.entry == whole.encoder.entry
    assert encoder.vocabulary.tokens.equals(whole.encoder.vocabulary.tokens)
    assert weighted(counts, encoder).values.tolist() == whole.vectors.values.tolist()
    assert encoder.encode_queries(["planet sun"]).vectors.values.tolist() == pytest.approx([np.log(2), np.log(10 / 3)])


def test_an_empty_corpus_has_a_default_length() -> None:
    for texts in ([], ["", "…"]):
        params = fit_bm25(texts).encoder.entry.bm25
        assert params is not None
        assert params.average_length == 256


def test_what_cannot_be_encoded() -> None:
    encoder = fit_bm25(TEXTS).encoder
    for wrong in (None, 7, ["a"], b"x"):
        with pytest.raises(InputError, match="expected text"):
            encoder.encode_documents([wrong])  # type: ignore[list-item]
    with pytest.raises(InputError, match="lone surrogate"):
        fit_bm25(["x\ud800"])
    for wrong in ("text", 7, None):
        with pytest.raises(InputError, match="expected a list of texts"):
            fit_bm25(wrong)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="expected Bm25"):
        fit_bm25([], {"k1": 1})  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="expected 'idf': BM25 weighs"):
        encoder.recorded(queries="own")
    with pytest.raises(ParameterError, match="need the encoder bm25, found 'splade-tiny'"):
        load_encoder("splade-tiny", Bm25())
    with pytest.raises(ParameterError, match="strict: encoder 'bm25' has no words yet"):
        seismic.create("never", encoder=load_encoder("bm25"), strict=True)
    with pytest.raises(ParameterError, match="expected an Encoder"):
        extend_bm25(None, [])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="does not count terms, expected bm25"):
        extend_bm25(load_encoder("splade-tiny"), [])
    with pytest.raises(ParameterError, match="does not count terms, expected bm25"):
        weighted(SparseVectors.from_dicts([]), load_encoder("splade-tiny"))


def test_bm25_without_documents_refuses_to_encode() -> None:
    for encode in (
        load_encoder("bm25").encode_documents,
        load_recorded(load_encoder("bm25").entry, None).encode_queries,
    ):
        with pytest.raises(EncoderError, match=r"fit_bm25|by_idf"):
            encode(["Mars"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"k1": -1.0},
        {"k1": float("nan")},
        {"b": 1.1},
        {"b": "x"},
        {"stop_words": "german"},
        {"average_length": 0.0},
        {"average_length": float("inf")},
        {"k2": 1.0},
    ],
)
def test_wrong_parameters(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Bm25(**wrong)


def test_an_unknown_stemmer_names_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"stemmer is 'klingon', expected one of arabic, .*english"):
        fit_bm25(["a"], Bm25(stemmer="klingon"))


def test_extreme_parameters_give_valid_weights() -> None:
    for params in (Bm25(k1=0.0), Bm25(b=0.0), Bm25(k1=1000.0, b=1.0, average_length=0.01)):
        vectors = fit_bm25(["word " * 3, "word other"], params).vectors
        SparseVectors.from_arrays(vectors.indptr, vectors.components, vectors.values, vectors.dimension)


def test_another_way_of_splitting_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build(tmp_path / "c", TEXTS)
    monkeypatch.setattr("seismic.encoders.lexical.VERSION", "words-2")
    with seismic.open(path) as index:
        with pytest.raises(EncoderError, match="splits texts into words in another way"):
            index.search("planet")
        assert len(index.search({"tokens": {"planet": 1.0}})) == 2


def test_terms_are_numbered_once_per_word() -> None:
    asked = []

    def number(term: str) -> int:
        asked.append(term)
        return numbering(term)

    numbering = Numbering({"planet": 5}.get, 6)
    count = TermFrequencies(Bm25(stemmer="english", stop_words="english").terms(number))
    for _ in range(2):
        numbers, ends = count.numbers(["planet Planets", "", "the moons, the café of a planet"])
        assert numbers.tolist() == [5, 5, -1, 6, -1, 7, -1, -1, 5]
        assert ends.tolist() == [2, 2, 9]
    assert asked == ["planet", "planet", "moon", "café"]
    assert numbering.new == {"moon": 6, "café": 7}


@given(st.lists(st.text("abc XY_1é\u0301\0.ßｱ東", max_size=40), max_size=12), st.integers(1, 60), st.integers(1, 3))
def test_frequencies_are_those_of_a_counter(texts: list[str], part: int, slots: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(counting, "PART_BYTES", part)
        patched.setattr(counting, "FIRST_SLOTS", 1 << slots)
        patched.setattr(counting, "WORD_BYTES", 1)
        numbering = Numbering(lambda _: None, 0)
        count = TermFrequencies(Bm25(stop_words="english").terms(numbering))
        for _ in range(2):
            counts = count(texts)
            words = [[word for word in words_of(text) if word not in ENGLISH] for text in texts]
            assert list(numbering.new) == list(dict.fromkeys(itertools.chain.from_iterable(words)))
            assert len(counts) == len(texts)
            for row, expected in enumerate(map(Counter, words)):
                components, values = counts[row]
                found = dict(zip(components.tolist(), values.tolist(), strict=True))
                assert found == {numbering.new[word]: frequency for word, frequency in expected.items()}
                assert list(found) == sorted(found)


def test_a_word_of_a_megabyte_is_a_word() -> None:
    fitted = fit_bm25(["x" * (1 << 20) + " y", "y", "z"])
    assert [len(token) for token in fitted.encoder.vocabulary.tokens.to_pylist()] == [1 << 20, 1, 1]


def test_new_words_are_added_by_documents(tmp_path: Path) -> None:
    path = build(tmp_path / "c", TEXTS)
    average = sum(len(words_of(text)) for text in TEXTS) / len(TEXTS)
    new = ["Pluto was a planet", "Ceres and Pluto"]
    with seismic.open(path) as index:
        extended, vectors = extend_bm25(index.encoder, new)
    assert vectors.dimension == len(extended.vocabulary)
    seismic.upsert(path, vectors, pa.table({"id": ["4", "5"], "text": new}), encoder=extended)
    texts = [*TEXTS, *new]
    for _ in range(2):
        with seismic.open(path) as index:
            assert index.vocabulary is not None
            assert index.vocabulary.tokens.equals(extended.vocabulary.tokens)
            for query in ("pluto planet", "ceres", "was a star"):
                expected = {str(row): score for row, score in enumerate(naive(query, texts, average)) if score}
                assert {hit.id: hit.score for hit in index.search(query)} == pytest.approx(expected, abs=1e-4)
            assert index.encoder.encode_documents(new).unknown == ()
        seismic.compact(path)
    with seismic.open(path) as index:
        stale = fit_bm25(TEXTS).encoder
        other, vectors = extend_bm25(stale, ["Eris"])
        with pytest.raises(InputError, match=r"found vocabulary .*map the tokens again"):
            seismic.upsert(path, vectors, pa.table({"id": ["6"]}), encoder=other)
        assert len(index) == 6


def test_a_collection_may_start_empty(tmp_path: Path) -> None:
    seismic.create(tmp_path / "c", encoder=load_encoder("bm25"))
    with seismic.open(tmp_path / "c") as index:
        assert index.search("Mars") == []
        extended, vectors = extend_bm25(index.encoder, TEXTS)
    seismic.upsert(tmp_path / "c", vectors, pa.table({"id": ["0", "1", "2", "3"], "text": TEXTS}), encoder=extended)
    expected = naive("hot planet", TEXTS, 256)
    assert found(tmp_path / "c", "hot planet") == pytest.approx({"0": expected[0], "1": expected[1]}, abs=1e-4)


def test_a_strict_collection_does_not_grow(tmp_path: Path) -> None:
    fitted = fit_bm25(TEXTS)
    documents = pa.table({"id": ["0", "1", "2", "3"]})
    seismic.build(fitted.vectors, tmp_path / "c", documents=documents, encoder=fitted.encoder, strict=True)
    extended, vectors = extend_bm25(fitted.encoder, ["Pluto"])
    with pytest.raises(InputError, match="found vocabulary"):
        seismic.upsert(tmp_path / "c", vectors, pa.table({"id": ["4"]}), encoder=extended)
