"""A small published generation that tests may break."""

from pathlib import Path

import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, Vocabulary
from tests import samples


@pytest.fixture
def generation(tmp_path: Path) -> Path:
    """The folder of a generation with two shards and a vocabulary; its collection is called `small`."""
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
