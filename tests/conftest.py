"""Fixtures for all tests: the SciFact collection, and an index of it built once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

import seismic
from seismic import SparseVectors, Vocabulary
from seismic.kernels.cpu import JIT_DISABLED

os.environ.setdefault("SEISMIC_PROCESSES", "1")  # servers start faster; tests of several processes say how many

settings.register_profile(
    "seismic",
    deadline=None,  # verdicts must not depend on load
    suppress_health_check=list(HealthCheck),  # they depend on time as well
    max_examples=10 if JIT_DISABLED else 30,
    derandomize="CI" in os.environ,  # CI judges every change by the same examples; at home new ones are tried
)
settings.register_profile("quick", parent=settings.get_profile("seismic"), max_examples=5)  # `make quick`
settings.load_profile("seismic")

collect_ignore = ["integrations"]  # they need libraries of their own: `make integrations`

DATA = Path(__file__).parent / "data" / "scifact"


@dataclass(frozen=True)
class Scifact:
    """5,183 documents and 1,109 queries, their vectors, judgements and exact answers."""

    documents: pa.Table  # id and payload columns
    vectors: SparseVectors
    vocabulary: Vocabulary
    queries: pa.Table  # id, text, split
    query_vectors: SparseVectors
    truth_rows: npt.NDArray[np.int32]  # [queries, 10], document numbers
    truth_scores: npt.NDArray[np.float32]  # [queries, 10]
    qrels: dict[str, dict[str, int]]  # query id -> document id -> relevance

    def query(self, row: int) -> dict[str, list[float]]:
        """Return a query as indices and values."""
        components, values = self.query_vectors[row]
        return {"indices": components.tolist(), "values": values.tolist()}

    def tokens(self, row: int) -> dict[str, dict[str, float]]:
        """Return a query as tokens."""
        components, values = self.query_vectors[row]
        tokens = (self.vocabulary.token(component) for component in components.tolist())
        return {"tokens": dict(zip(tokens, values.tolist(), strict=True))}


@pytest.fixture(scope="session")
def scifact() -> Scifact:
    documents, queries = (pq.read_table(DATA / f"{name}.parquet") for name in ("documents", "queries"))
    vocabulary = Vocabulary((DATA / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    truth = np.load(DATA / "groundtruth.npz")
    assert truth["query_ids"].astype(str).tolist() == queries["id"].to_pylist()
    qrels: dict[str, dict[str, int]] = {}
    for line in (DATA / "qrels.tsv").read_text().splitlines():
        query, _, document, relevance = line.split()
        qrels.setdefault(query, {})[document] = int(relevance)
    vector_columns = ["indices", "values"]
    return Scifact(
        documents=documents.drop(vector_columns),
        vectors=SparseVectors.from_arrow(documents, len(vocabulary)),
        vocabulary=vocabulary,
        queries=queries.drop(vector_columns),
        query_vectors=SparseVectors.from_arrow(queries, len(vocabulary)),
        truth_rows=truth["rows"],
        truth_scores=truth["scores"],
        qrels=qrels,
    )


@pytest.fixture(scope="session")
def scifact_index(scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a collection built with default parameters; do not change it."""
    folder = tmp_path_factory.mktemp("collections") / "scifact"
    seismic.build(scifact.vectors, folder, documents=scifact.documents, vocabulary=scifact.vocabulary)
    return folder


@pytest.fixture(scope="module")
def wrapping_hash() -> Iterator[None]:
    """Silence NumPy, which warns of hashes that wrap around on purpose when the JIT is off."""
    with np.errstate(over="ignore"):
        yield
