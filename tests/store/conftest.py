"""A small published generation that tests may break."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, Vocabulary
from seismic.store.manifest import Manifest, read_manifest
from tests import samples


def write_generation(folder: Path, name: str, text: str) -> None:
    """Write the smallest generation: no documents, only a text that identifies it."""
    Manifest(
        format="1.0",
        reader_features=[],
        writer_features=[],
        generation=name,
        layout="shared",
        documents=0,
        dimension=0,
        nnz=0,
        build={},
        versions={"text": text},
        vocabulary=None,
        shards=[],
    ).write(folder)


def text_of(collection: Path, name: str) -> str:
    return read_manifest(collection / "generations" / name).versions["text"]


@pytest.fixture
def generation(tmp_path: Path) -> Path:
    """Return the folder of a generation with two shards and a vocabulary; its collection is `small`."""
    vectors = samples.random_vectors(40, dimension=30)
    documents = pa.table({"id": [f"d{number}" for number in range(40)], "title": ["x" * n for n in range(40)]})
    vocabulary = Vocabulary([f"t{component}" for component in range(30)])
    params = BuildParams(layout="lists")
    return seismic.build(
        vectors, tmp_path / "small", documents=documents, vocabulary=vocabulary, params=params, shards=2
    )


@pytest.fixture
def collection(generation: Path) -> Path:
    return generation.parent.parent
