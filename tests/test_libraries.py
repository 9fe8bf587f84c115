"""What `seismic.integrations` does without other people's libraries; with them, see tests/integrations."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

import seismic
from seismic import Chunking, InputError, ParameterError, QueryError, VectorError
from seismic.extras import EXTRAS
from seismic.integrations.encoding import as_encoder, sparse_vector
from seismic.integrations.encoding import sparse as as_sparse
from seismic.integrations.metadata import TIME, from_json, to_columns, to_json
from seismic.integrations.mteb import SeismicIndexBackend
from seismic.integrations.sentence_transformers import semantic_search_seismic
from seismic.integrations.texts import TextCollection

FOLDER = Path(seismic.__file__).parent / "integrations"


def test_every_module_has_an_extra() -> None:
    libraries = {"haystack", "langchain", "llamaindex", "mcp", "mteb", "pyterrier"}
    assert libraries <= EXTRAS.keys()
    assert libraries <= {path.stem for path in FOLDER.iterdir()}


DECODED = [[("red", 1.0), ("planet", 2.0)], [("planet", 1.0)], []]


def test_sentence_transformers_with_decoded_embeddings() -> None:
    results, seconds, index = semantic_search_seismic([[("planet", 2.0), ("new", 9.0)], []], DECODED, output_index=True)
    assert results == [[{"corpus_id": 0, "score": 4.0}, {"corpus_id": 1, "score": 2.0}], []]
    assert seconds > 0
    one, _ = semantic_search_seismic([("red", 3.0)], corpus_index=index, top_k=1)
    assert one == [[{"corpus_id": 0, "score": 3.0}]]
    folder = index.view.collection
    del index
    assert not folder.exists()


def test_sentence_transformers_with_matrices(tmp_path: Path) -> None:
    corpus = sparse.csr_array(np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]))
    out = tmp_path / "kept"
    results, _ = semantic_search_seismic(corpus, corpus, index_kwargs={"out": out, "documents": {"id": ["a", "b"]}})
    assert results == [[{"corpus_id": "a", "score": 5.0}], [{"corpus_id": "b", "score": 1.0}]]
    assert semantic_search_seismic(corpus, corpus_index=out, search_kwargs={"recall": 0.9})[0] == results
    assert semantic_search_seismic(corpus[:0], corpus_index=out)[0] == []
    assert semantic_search_seismic(np.zeros(0, np.float32), corpus_index=out)[0] == []  # `encode` of no texts
    with pytest.raises(VectorError, match="found queries of dimension 2 for an index of dimension 3, expected both"):
        semantic_search_seismic(corpus[:, :2], corpus_index=out)
    with pytest.raises(QueryError, match="this index has no vocabulary"):
        semantic_search_seismic([("red", 3.0)], corpus_index=out)
    with pytest.raises(ParameterError, match="found both of corpus_embeddings and corpus_index"):
        semantic_search_seismic(corpus, corpus, out)
    with pytest.raises(ParameterError, match="found neither of corpus_embeddings and corpus_index"):
        semantic_search_seismic(corpus)
    with pytest.raises(ParameterError, match="found index_kwargs with corpus_index"):
        semantic_search_seismic(corpus, corpus_index=out, index_kwargs={"shards": 2})


def test_the_backend_of_mteb() -> None:
    backend = SeismicIndexBackend()
    backend.add_documents(sparse.csr_array([[1.0, 0.0], [0.0, 1.0]]), ["a", "b"])
    backend.add_documents(sparse.csr_array([[0.0, 3.0]]), ["c"])
    queries = sparse.csr_array([[0.0, 2.0], [1.0, 0.0]])
    assert backend.search(queries, 2, max) == ([[6.0, 2.0], [1.0]], [[2, 1], [0]])
    ranked = {"q": ["b", "c"], "r": ["b"]}
    assert backend.search(queries, 2, max, ranked, {0: "q", 1: "r"}) == ([[6.0, 2.0], []], [[1, 0], []])
    backend.clear()
    with pytest.raises(ParameterError, match="found no documents"):
        backend.search(queries, 2, max)


def test_metadata_becomes_columns_for_filters() -> None:
    metadata = [
        {"year": 1, "place": {"lang": "en"}, "tags": ["a", "b"], "day": "2024-05-01", "deep": [{"x": 1}], "none": None},
        {"year": 2.5, "day": "someday", "empty": []},
    ]
    columns = {name: column.to_pylist() for name, column in to_columns(metadata, "m").items()}
    instant = columns.pop("m.day" + TIME)
    assert columns == {
        "m.year": [1.0, 2.5],
        "m.place.lang": ["en", None],
        "m.tags": [["a", "b"], None],
        "m.day": ["2024-05-01", "someday"],
    }
    assert [one and one.isoformat() for one in instant] == ["2024-05-01T00:00:00+00:00", None]
    assert [from_json(to_json(one, "m"), "m") for one in metadata] == metadata
    with pytest.raises(InputError, match=r"column 'm\.year': .*; expected values of one type"):
        to_columns([{"year": 1}, {"year": "1"}], "m")
    with pytest.raises(InputError, match="m of 'a': found 'plain', expected a JSON object; name another column"):
        from_json("plain", "m of 'a'")


class Letters:
    """An encoder of another library: a component per letter."""

    def embed_documents(self, texts: list[str]) -> list[dict[int, float]]:
        return [{ord(letter): 1.0 for letter in text} for text in texts]

    def embed_query(self, text: str) -> dict[int, float]:
        return self.embed_documents([text])[0]


def test_encoders_of_other_libraries() -> None:
    class Pair:
        indices, values = np.array([1, 2]), [0.5, 1.5]

    assert sparse_vector(Pair()) == {"indices": Pair.indices, "values": Pair.values}
    with pytest.raises(VectorError, match="found a dense vector of 2 numbers, expected a sparse one"):
        as_sparse([[0.5, 0.5]])
    with pytest.raises(VectorError, match=r"found a dense matrix of shape \(1, 2\)"):
        as_sparse(np.ones((1, 2)))
    with pytest.raises(ParameterError, match="expected an Encoder, its name or folder, or an object with"):
        as_encoder(object())


def test_texts_are_added_found_and_removed(tmp_path: Path) -> None:
    texts = TextCollection(tmp_path / "texts", Letters())
    texts.add(["1", "2"], ["ab", "bc"], [{"n": 1}, {"n": 2}])
    other = TextCollection(tmp_path / "texts", Letters())
    other.add(["3"], ["cd"], [{}])
    assert [(one.id, one.text, one.metadata, one.score) for one in texts.search("bcd", 3)] == [
        ("2", "bc", {"n": 2}, 2.0),
        ("3", "cd", {}, 2.0),
        ("1", "ab", {"n": 1}, 1.0),
    ]
    assert [one.id for one in texts.listed({"metadata.n": [1, 2]})] == ["1", "2"]
    assert texts.remove(filter={"metadata.n": 2}) == 1
    texts.remove(["1", "unknown"])
    assert [one.id for one in texts.get(["1", "3"])] == ["3"]
    assert texts.remove() == 1


def test_collections_with_columns_and_integer_ids(tmp_path: Path) -> None:
    documents = pa.table({"id": [7, 8], "body": ["ab", "cd"], "lang": ["en", None]})
    seismic.build([{97: 1.0, 98: 1.0}, {99: 1.0}], tmp_path / "built", documents=documents)
    with pytest.raises(ParameterError, match="found no column 'text' of texts in collection 'built', but body, lang"):
        TextCollection(tmp_path / "built", Letters())
    texts = TextCollection(seismic.open(tmp_path / "built"), Letters(), text="body")
    assert [(one.id, one.text, one.metadata) for one in texts.search("a", 1)] == [("7", "ab", {"lang": "en"})]
    assert [one.id for one in texts.get(["8", "x"])] == ["8"]
    with pytest.raises(InputError, match="found id 'x', expected integers as in collection 'built'"):
        texts.add(["x"], ["a"], [{}])


def test_texts_are_encoded_as_the_collection_does(tmp_path: Path) -> None:
    encoder = seismic.load_encoder("splade-tiny")
    seismic.create(tmp_path / "both", encoder=encoder.recorded(fields=["title", "text"]))
    both = TextCollection(tmp_path / "both")
    both.add(["a", "b"], ["is red", "is hot"], [{"title": "Mars"}, {}])
    vectors = both.index.vectors(both.index.find(["a", "b"]))
    wanted = encoder.encode_documents(["Mars is red", "is hot"]).vectors
    for row in range(2):
        assert vectors[row][0].tolist() == wanted[row][0].tolist()
        assert np.allclose(vectors[row][1], wanted[row][1], atol=1e-3)
    seismic.create(tmp_path / "other", encoder=encoder.recorded(fields=["title"]))
    with pytest.raises(ParameterError, match="collection 'other' encodes title, but texts are in 'text'"):
        TextCollection(tmp_path / "other").add(["a"], ["x"], [{}])
    seismic.create(tmp_path / "cut", encoder=encoder.recorded(chunks=Chunking(size=10)))
    with pytest.raises(ParameterError, match="collection 'cut' cuts texts into chunks"):
        TextCollection(tmp_path / "cut").add(["a"], ["x"], [{}])
