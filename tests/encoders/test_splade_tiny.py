"""The encoder that comes with the package makes the vectors of the test collection, which its float32 model made."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

import seismic
from seismic import SparseVectors, load_encoder
from tests.conftest import Scifact

FOLDER = Path(seismic.__file__).parent / "encoders" / "models" / "splade-tiny"
MOST_BYTES = 10 << 20


def check_close(found: SparseVectors, expected: SparseVectors) -> None:
    """Weights stored as float16 change a value by 0.0004 on average; components come and go at the very bottom."""
    difference = abs(found.to_scipy().astype(np.float64) - expected.to_scipy().astype(np.float64))
    assert difference.max() < 0.006
    assert difference.sum() / expected.nnz < 0.0006
    changed = found.to_scipy().astype(bool) != expected.to_scipy().astype(bool)
    assert changed.sum() / expected.nnz < 0.002


def test_queries_and_documents_are_encoded_as_published(scifact: Scifact) -> None:
    encoder = load_encoder("splade-tiny")
    queries = encoder.encode_queries(scifact.queries["text"].slice(0, 100).to_pylist())
    check_close(queries.vectors, scifact.query_vectors.slice(0, 100))
    texts = scifact.documents["text"].slice(0, 24).to_pylist()
    documents = encoder.encode_documents(texts)
    check_close(documents.vectors, scifact.vectors.slice(0, 24))
    assert queries.cut.sum() == 0
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_truncation()
    lengths = [len(tokenizer.encode(text).ids) for text in texts]
    assert documents.cut.tolist() == [max(0, length - 256) for length in lengths]


def test_its_vocabulary_is_that_of_the_collection(scifact: Scifact) -> None:
    assert load_encoder("splade-tiny").vocabulary.tokens.equals(scifact.vocabulary.tokens)


def test_it_is_small_and_comes_with_its_licence() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < MOST_BYTES
    assert "Apache License" in (FOLDER / "LICENSE").read_text()


def test_text_finds_what_its_vector_finds(scifact: Scifact, tmp_path: Path) -> None:
    encoder = load_encoder("splade-tiny")
    documents = scifact.documents.slice(0, 200)
    seismic.build(scifact.vectors.slice(0, 200), tmp_path / "index", documents=documents, encoder=encoder)
    with seismic.open(tmp_path / "index") as index:
        for row in range(10):
            text = scifact.queries["text"][row].as_py()
            by_text, by_vector = index.answer({"text": text}, k=3), index.answer(scifact.query(row), k=3)
            assert [hit.id for hit in by_text.hits] == [hit.id for hit in by_vector.hits]
            np.testing.assert_allclose(
                [hit.score for hit in by_text.hits], [hit.score for hit in by_vector.hits], rtol=2e-3
            )
        long = pa.concat_tables([scifact.documents.slice(0, 1)] * 3)["text"].to_pylist()
        assert "word pieces were cut off" in index.answer({"text": " ".join(long)}).warnings[0]
