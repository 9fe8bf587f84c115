from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seismic
from seismic import ParameterError, SparseVectors
from seismic_tools.measure.synth.measure import describe, neighbour_cosines
from seismic_tools.measure.synth.recipe import Recipe, fit
from tests.index_tools.conftest import Run, write_lines
from tests.samples import random_vectors


def recipe(vectors: SparseVectors, mean: float, copies: float = 0.0) -> Recipe:
    return fit(vectors, mean, copies, 0, 1, lambda *_: None)


@pytest.fixture(scope="module")
def real() -> SparseVectors:
    return random_vectors(400, dimension=300, per_vector=12, empty=0)


@pytest.fixture
def collection(real: SparseVectors, tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    starts = real.indptr.astype(np.int32)
    lists = [pa.ListArray.from_arrays(starts, column) for column in (real.components, real.values)]
    ids = [f"d{row}" for row in range(len(real))]
    pq.write_table(pa.table({"id": ids, "indices": lists[0], "values": lists[1]}), folder / "documents.parquet")
    return folder


@pytest.mark.parametrize("mean", [6, 12, 18])
def test_mean_length_is_as_asked_for(real: SparseVectors, mean: float) -> None:
    made = recipe(real, mean).make(10_000, 14_000)
    assert made.nnz / len(made) == pytest.approx(mean, rel=0.02)


def test_more_components_than_mixing_gives_are_refused(real: SparseVectors) -> None:
    with pytest.raises(ParameterError, match=r"a mean of 250 components: found \d+ when mixing these documents"):
        recipe(real, 250)


def test_threads_do_not_change_the_stream(real: SparseVectors) -> None:
    some = recipe(real, 12, copies=0.1)
    one, two = (SparseVectors.concatenate(some.stream(0, 40_000, threads)) for threads in (1, 2))
    assert np.array_equal(one.indptr, two.indptr)
    assert np.array_equal(one.components, two.components)
    assert np.array_equal(one.values, two.values)


def test_statistics_of_a_small_collection() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 1: 2.0}, {0: 3.0}, {0: 1.0, 1: 4.0}, {2: 5.0}])
    found = describe(vectors)
    assert found.documents == 4
    assert found.mean == 6 / 4
    assert found.lengths["50%"] == 1.5
    assert found.frequency == {1: 0.75}
    assert found.weights == {1: (2 + 3 + 4 + 5) / 4, 2: 1.0}
    # Pairs (0, 1), (0, 2), (1, 2): 2/4 for 3/4 x 2/4, none, none.
    assert found.lift["95%"] == pytest.approx(0.9 * 4 / 3)


def test_neighbours_are_other_documents(tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0}, {0: 3.0, 1: 4.0}, {2: 5.0}])
    seismic.build(vectors, tmp_path / "index")
    with seismic.open(tmp_path / "index") as index:
        assert neighbour_cosines(index, vectors).tolist() == pytest.approx([0.6, 0.6, 0.0])


def test_collection_is_written_and_says_what_it_is(run: Run, collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("synth", out, "--from", collection, "--documents", 1000, "--nnz-mean", 15, "--threads", 2)
    assert result.exit_code == 0, result.output
    table = pq.read_table(out / "documents.parquet")
    assert table["id"].to_pylist() == [f"s{number}" for number in range(1000)]
    lengths = np.diff(table["indices"].combine_chunks().offsets)
    assert lengths.mean() == pytest.approx(15, rel=0.02)
    about = orjson.loads(table.schema.metadata[b"synthetic"])
    assert about["from"] == "real"
    report = orjson.loads((out / "synth.json").read_bytes())
    assert [side["statistics"]["documents"] for side in report["sides"]] == [400, 400, 1000]
    real, alike, written = report["sides"]
    assert alike["statistics"]["mean"] == pytest.approx(real["statistics"]["mean"], rel=0.02)
    assert written["difficulty"] is None
    for side in (real, alike):
        assert 0 < side["difficulty"]["recall"]["1.3"] <= side["difficulty"]["recall"]["1.05"] <= 1
    readme = (out / "README.md").read_text()
    assert readme.startswith(result.stdout)
    assert "These 1,000 documents are synthetic" in readme
    assert (out / "synth.png").stat().st_size > 0
    built = run("build", out / "documents.parquet", tmp_path / "index")
    assert "documents 1,000" in built.output


def test_queries_are_the_given_ones(run: Run, collection: Path, tmp_path: Path) -> None:
    queries = [{"id": row, "indices": [row], "values": [1.0]} for row in range(7)]
    asked = write_lines(tmp_path / "asked.jsonl", *queries)
    result = run("synth", tmp_path / "out", "--from", collection, "--documents", 10, "--queries", asked)
    assert "7 queries: asked.jsonl." in result.output


def test_a_folder_with_something_in_it_is_left_alone(run: Run, collection: Path) -> None:
    result = run("synth", collection, "--from", collection, "--documents", 10)
    assert result.exit_code == 2
    assert "exists and is not an empty folder" in result.stderr
    assert [path.name for path in collection.iterdir()] == ["documents.parquet"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--documents", 0], "--documents 0: expected at least 1"),
        (["--documents", 10, "--nnz-mean", 290], "a mean of 290 components: found 54 when mixing"),
    ],
)
def test_wrong_wishes_are_refused(
    run: Run, collection: Path, tmp_path: Path, arguments: list[object], expected: str
) -> None:
    result = run("synth", tmp_path / "out", "--from", collection, *arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()


def test_documents_of_tokens_are_refused(run: Run, planets: Path, tmp_path: Path) -> None:
    result = run("synth", tmp_path / "out", "--from", planets, "--documents", 10)
    assert result.exit_code == 2
    assert "vectors of tokens, expected 'indices' and 'values'" in result.stderr


def test_documents_without_components_are_refused(run: Run, tmp_path: Path) -> None:
    empty = write_lines(tmp_path / "empty.jsonl", {"id": 1, "indices": [], "values": []})
    result = run("synth", tmp_path / "out", "--from", empty, "--documents", 10)
    assert result.exit_code == 2
    assert "all vectors are empty; expected documents to mix" in result.stderr
