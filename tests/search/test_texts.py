"""Collections that are asked by text: what they remember of their encoder, and for how long."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import Encoder, EncoderError, InputError, QueryError, SearchParams, Vocabulary, load_encoder
from seismic.encoders import EncoderEntry
from seismic.store.manifest import read_manifest
from seismic.vocabulary import inverse_document_frequency
from tests.encoders.small import TOKENS, table_model, write_encoder

TEXTS = ["word1 word2", "word2 word3", "word2", "word4 word5 word6"]
MODEL = table_model(np.eye(len(TOKENS), dtype=np.float32) * np.linspace(1, 2, len(TOKENS), dtype=np.float32))


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return load_encoder(str(write_encoder(tmp_path / "encoder", max_length=5, model=MODEL)))


@pytest.fixture
def collection(tmp_path: Path, encoder: Encoder) -> Path:
    return build(tmp_path / "collection", encoder.recorded(fields=["title", "text"], cut=[0, 2]))


def build(out: Path, encoder: Encoder) -> Path:
    vectors = encoder.encode_documents(TEXTS).vectors
    documents = pa.table({"id": ["a", "b", "c", "d"], "text": TEXTS})
    seismic.build(vectors, out, documents=documents, encoder=encoder)
    return out


def ids(path: Path, text: str) -> list[object]:
    with seismic.open(path) as index:
        return [hit.id for hit in index.search({"text": text})]


def test_texts_find_documents(collection: Path, encoder: Encoder) -> None:
    assert ids(collection, "word3 word5")[:2] == ["d", "b"]
    with seismic.open(collection) as index:
        assert index.encoder.vocabulary.tokens.to_pylist() == TOKENS
        answer = index.answer({"text": "word1 word2 word3 word4 word5"})
        assert answer.warnings == ("the text is too long: its last 2 word pieces were cut off",)
        assert answer.hits == index.search(encoder.encode_queries(["word1 word2 word3"]).vectors)
        assert index.answer({"text": " "}).hits == []
        numbers, scores = index.search_batch(TEXTS, 2, threads=2)
        expected = index.search_batch(encoder.encode_queries(TEXTS).vectors, 2)
        assert np.array_equal(numbers, expected[0])
        np.testing.assert_allclose(scores, expected[1], rtol=1e-6)


def test_the_encoder_stays_whatever_is_published(collection: Path, tmp_path: Path) -> None:
    expected = ids(collection, "word3")
    entry = seismic.open(collection).manifest.encoder
    assert entry is not None
    assert (entry.fields, entry.documents_cut, entry.pieces_cut) == (("title", "text"), 1, 2)
    seismic.delete(collection, ["c"])
    seismic.compact(collection)
    seismic.create_snapshot(collection, tmp_path / "snapshot")
    seismic.restore_snapshot(tmp_path / "snapshot", tmp_path / "restored")
    for path in (collection, tmp_path / "restored"):
        assert seismic.open(path).manifest.encoder == entry
        assert ids(path, "word3") == [id for id in expected if id != "c"]
    seismic.rollback(collection)
    assert ids(collection, "word3") == [id for id in expected if id != "c"]


def test_releases_that_know_no_encoders_may_not_write(collection: Path, encoder: Encoder, tmp_path: Path) -> None:
    assert read_manifest(collection / "generations" / "000001").writer_features == ["encoder"]
    seismic.build(encoder.encode_documents(TEXTS).vectors, tmp_path / "without")
    assert read_manifest(tmp_path / "without" / "generations" / "000001").writer_features == []


def test_queries_by_document_frequencies_follow_changes(tmp_path: Path, encoder: Encoder) -> None:
    collection = build(tmp_path / "idf", encoder.recorded(queries="idf"))
    frequency = np.zeros(len(TOKENS), np.int64)
    for token in (2, 3):  # [CLS] and [SEP], which are in all documents, and no query's
        frequency[token] = 4
    frequency[[5, 6, 7, 8, 9, 10]] = 1, 3, 1, 1, 1, 1
    with seismic.open(collection) as index:
        idf = inverse_document_frequency(frequency, 4)
        assert vector(index, "word1 word2 word2") == pytest.approx({5: idf[5], 6: idf[6]})
        seismic.upsert(collection, encoder.encode_documents(["word1", "word1"]).vectors, pa.table({"id": ["e", "f"]}))
        seismic.delete(collection, ["b"])
        index.refresh()
        assert index.document_frequency()[[5, 6, 7]].tolist() == [3, 2, 0]
        changed = inverse_document_frequency(np.array([3, 2]), 5)
        assert vector(index, "word1 word2") == pytest.approx({5: changed[0], 6: changed[1]})


def vector(index: seismic.Index, text: str) -> dict[int, float]:
    components, values = index.encoder.encode_queries([text]).vectors[0]
    return dict(zip(components.tolist(), values.tolist(), strict=True))


def test_a_collection_without_its_encoder_opens_and_answers_vectors(collection: Path, encoder: Encoder) -> None:
    shutil.rmtree(encoder.name)
    with seismic.open(collection) as index:
        assert index.search({"tokens": {"word3": 1.0}})[0].id == "b"
        with pytest.raises(EncoderError, match="found no encoder"):
            index.search({"text": "word3"})


def test_collections_that_have_no_encoder(tmp_path: Path, encoder: Encoder) -> None:
    seismic.build(encoder.encode_documents(TEXTS).vectors, tmp_path / "without")
    with seismic.open(tmp_path / "without") as index:
        with pytest.raises(QueryError, match="text: this collection has no encoder for texts; give indices and values"):
            index.search({"text": "word1"})
        with pytest.raises(InputError, match="this collection has no encoder"):
            index.search_batch(["word1"], params=SearchParams())


@pytest.mark.parametrize("text", [None, 7, ["word1"]])
def test_queries_that_are_no_text(text: object, collection: Path) -> None:
    with seismic.open(collection) as index, pytest.raises(QueryError, match=r"text: found a \w+, expected text"):
        index.search({"text": text})


def test_encoders_bring_their_vocabulary(tmp_path: Path, encoder: Encoder) -> None:
    vectors = encoder.encode_documents(TEXTS).vectors
    with pytest.raises(InputError, match="found another vocabulary than that of encoder"):
        seismic.build(vectors, tmp_path / "x", vocabulary=Vocabulary([*TOKENS, "more"]), encoder=encoder)
    seismic.build(vectors, tmp_path / "x", vocabulary=Vocabulary(TOKENS), encoder=encoder)
    assert seismic.open(tmp_path / "x").manifest.encoder == EncoderEntry(name=encoder.name, hash=encoder.entry.hash)
