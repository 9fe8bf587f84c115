"""Vectors unlike BERT's, beside the naive oracle: wide vocabularies, long documents, short queries, few dimensions."""

from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import BuildParams, SearchParams, SparseVectors
from seismic.layouts import LAYOUTS, Layout
from tests import naive

DOCUMENTS, QUERIES = 210, 4


class Shape(NamedTuple):
    """Dimensions, and components of a document and of a query."""

    dimension: int
    document: int
    query: int


SHAPES = {
    "XLM-R": Shape(250_002, 60, 20),
    "LI-LSR": Shape(30_522, 400, 6),
    "CSR": Shape(4_096, 32, 32),
}


def draw(shape: Shape, rows: int, active: int, seed: int) -> SparseVectors:
    """Draw vectors around 20 topics; the last component occurs."""
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(0).integers(shape.dimension, size=(20, 2 * shape.document))
    drawn = []
    for row in range(rows):
        own = rng.choice(topics[row % len(topics)], active // 2, replace=False)
        others = rng.integers(shape.dimension, size=active)
        components = list(dict.fromkeys([shape.dimension - 1, *own.tolist(), *others.tolist()]))[:active]
        drawn.append(dict(zip(components, (rng.gamma(2.0, 0.5, active) + 0.01).tolist(), strict=True)))
    return SparseVectors.from_dicts(drawn).widened(shape.dimension)


class Built(NamedTuple):
    """A collection of a shape in one layout, and what it stores."""

    path: Path
    stored: list[naive.Row]
    queries: SparseVectors


@pytest.fixture(scope="module", params=[(shape, layout) for shape in SHAPES for layout in LAYOUTS], ids=str)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Two shards, and a third of the documents as changes."""
    name, layout = request.param
    shape, kind = SHAPES[name], layout
    vectors = draw(shape, DOCUMENTS, shape.document, 1)
    path = tmp_path_factory.mktemp("shapes") / "index"
    first = 2 * DOCUMENTS // 3
    params = BuildParams(layout=kind)
    ids = pa.table({"id": [str(row) for row in range(DOCUMENTS)]})
    seismic.build(vectors.slice(0, first), path, documents=ids.slice(0, first), params=params, shards=2)
    seismic.upsert(path, vectors.slice(first, DOCUMENTS), ids.slice(first))
    rows = naive.rows(vectors)
    stored = naive.small(rows) if LAYOUTS[kind].lossy else naive.stored(rows)
    return Built(path, stored, draw(shape, QUERIES, shape.query, 2))


@pytest.mark.parametrize("method", ["bounds", "impacts"])
@pytest.mark.parametrize("k", [10, 400])
def test_exact_answers_are_those_of_the_oracle(built: Built, k: int, method: str) -> None:
    params = SearchParams(plan="exact")
    with (
        patch("seismic.planner.DOCUMENTS_PER_HIT", 1 << 40 if method == "impacts" else 0),
        seismic.open(built.path) as index,
    ):
        for row in range(QUERIES):
            components, values = built.queries[row]
            hits = index.search({"indices": components, "values": values}, k=k, params=params)
            numbers = np.full(k, -1, np.int64)
            scores = np.zeros(k, np.float32)
            numbers[: len(hits)] = [int(hit.id) for hit in hits]
            scores[: len(hits)] = [hit.score for hit in hits]
            query = dict(zip(components.tolist(), values.tolist(), strict=True))
            naive.assert_top_k(numbers, scores, built.stored, query)


def test_size_follows_the_components_in_use(tmp_path: Path) -> None:
    """The vocabulary of XLM-R costs a collection no more than BERT's, as long as it uses as few of its components."""
    sizes = []
    layout: Layout = "shared"
    for dimension in (30_522, 250_002):
        vectors = draw(Shape(4_096, 32, 32), 200, 32, 3)
        spread = np.sort(np.random.default_rng(4).choice(dimension, 4_096, replace=False))
        wide = SparseVectors.from_arrays(vectors.indptr, spread[vectors.components], vectors.values, dimension)
        seismic.build(wide, tmp_path / str(dimension), params=BuildParams(layout=layout))
        sizes.append(sum(file.stat().st_size for file in (tmp_path / str(dimension)).rglob("*.arrow")))
    assert sizes[1] < 1.1 * sizes[0]
