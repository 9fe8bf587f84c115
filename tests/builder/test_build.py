from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seismic
from seismic import (
    BuildParams,
    InputError,
    OutputExistsError,
    ParameterError,
    SparseVectors,
    StorageError,
    VectorError,
    Vocabulary,
)
from seismic.vocabulary import inverse_document_frequency
from tests import naive, samples

VECTORS = samples.random_vectors(200)
LISTS = BuildParams(layout="lists")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(ids: Any, **columns: Any) -> pa.Table:
    return pa.table({**columns, "id": ids})


# ---- the same bytes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dimension", samples.SPREAD)
def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path, shards: int, dimension: int) -> None:
    vectors = samples.random_vectors(700, dimension)
    vocabulary = Vocabulary([str(component) for component in range(dimension)])
    written = []
    for workers in (1, 2, 5):
        out = tmp_path / str(workers)
        seismic.build(vectors, out, vocabulary=vocabulary, params=LISTS, shards=shards, workers=workers)
        written.append(files(out))
    assert written[0] == written[1] == written[2]
    tables = shards if dimension > 1 << 16 else 0
    assert len(written[0]) == 3 + 7 * shards + tables


def test_the_seed_decides(tmp_path: Path) -> None:
    written = []
    vectors = samples.random_vectors(2000)  # more than one packing window
    for number, seed in enumerate((0, 0, 7)):
        seismic.build(vectors, tmp_path / str(number), params=LISTS.replace(seed=seed))
        written.append(files(tmp_path / str(number))["generations/000001/shard-00000/postings.arrow"])
    assert written[0] == written[1] != written[2]


# ---- inputs ------------------------------------------------------------------------------------------------------


def test_vectors_of_every_kind_give_the_same_index(tmp_path: Path) -> None:
    rows = naive.rows(VECTORS)
    arrow = pa.table(
        {
            "indices": pa.array([list(row) for row in rows], pa.list_(pa.int32())),
            "values": pa.array([list(row.values()) for row in rows], pa.list_(pa.float32())),
        }
    )
    for name, vectors in (("own", VECTORS), ("scipy", VECTORS.to_scipy()), ("arrow", arrow)):
        assert seismic.build(vectors, tmp_path / name) == tmp_path / name / "generations/000001"
    dimension = max(max(row, default=0) for row in rows) + 1
    assert dimension == VECTORS.dimension
    assert files(tmp_path / "own") == files(tmp_path / "scipy") == files(tmp_path / "arrow")


def test_vectors_that_break_rules(tmp_path: Path) -> None:
    bad = pa.table({"indices": [[1], [2, 2]], "values": [[1.0], [1.0, 1.0]]})
    with pytest.raises(VectorError, match="row 1, field 'indices'"):
        seismic.build(bad, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (table(["a", "b"]), "found 2 rows and 3 vectors, expected equal numbers"),
        (pa.table({"name": ["a", "b", "c"]}), "found columns name, expected a column 'id'"),
        (table([1.0, 2.0, 3.0]), "found column 'id' of type double, expected string or integer"),
        (table(["a", "b", None]), "row 2, field 'id': found null, expected a unique id"),
        (table(["a", "b", "a"]), "row 2, field 'id': found 'a', a duplicate of row 0; expected unique ids"),
        (table([5, 7, 7]), "row 2, field 'id': found 7, a duplicate of row 1"),
        (pa.concat_tables([table(["a"]), table(["b", "a"])]), "row 2, field 'id': found 'a', a duplicate of row 0"),
    ],
)
def test_documents_that_break_rules(tmp_path: Path, documents: pa.Table, message: str) -> None:
    with pytest.raises(InputError, match=f"^documents: .*{message}"):
        seismic.build(VECTORS.slice(0, 3), tmp_path / "out", documents=documents)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int8(), pa.int64(), pa.uint64()])
def test_ids_are_given_back_as_they_were(tmp_path: Path, kind: pa.DataType) -> None:
    ids = [str(number) if "string" in str(kind) else number for number in (7, 3, 5)]
    seismic.build(VECTORS.slice(0, 3), tmp_path / "out", documents=table(pa.array(ids, kind)))
    with seismic.open(tmp_path / "out") as index:
        assert index.document_ids([0, 1, 2]) == ids


def test_without_documents_ids_are_numbers(tmp_path: Path) -> None:
    seismic.build(VECTORS, tmp_path / "out", shards=3)
    with seismic.open(tmp_path / "out") as index:
        assert index.document_ids(range(200)) == list(range(200))
        assert index.columns == []


def test_payload_columns_of_any_type(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "one", "year": 2020, "tags": ["a", "b"], "place": {"x": 1.5}, "flag": True, "raw": b"\0\1"},
        {"text": None, "year": None, "tags": None, "place": None, "flag": None, "raw": None},
        {"text": "", "year": -1, "tags": [], "place": {"x": None}, "flag": False, "raw": b""},
    ]
    documents = pa.Table.from_pylist(rows).append_column("id", [["a", "b", "c"]])
    seismic.build(VECTORS.slice(0, 3), tmp_path / "out", documents=documents, shards=2)
    with seismic.open(tmp_path / "out") as index:
        assert index.columns == list(rows[0])
        assert index.payloads([0, 1, 2]) == rows


def test_payload_columns_with_dictionaries_in_chunks(tmp_path: Path) -> None:
    chunks = pa.chunked_array([pa.array(words).dictionary_encode() for words in (["x", "y"], ["z"])])
    seismic.build(VECTORS.slice(0, 3), tmp_path / "out", documents=table(["a", "b", "c"], word=chunks))
    with seismic.open(tmp_path / "out") as index:
        assert index.payloads([0, 1, 2]) == [{"word": word} for word in "xyz"]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"shards": 0}, "shards is 0, expected at least 1"),
        ({"shards": 201}, "shards is 201, expected 1 to 200, the number of documents"),
        ({"workers": 0}, "workers is 0, expected at least 1"),
    ],
)
def test_counts_out_of_range(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        seismic.build(VECTORS, tmp_path / "out", **counts)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found no vectors, expected at least one document"):
        seismic.build(SparseVectors.from_dicts([]), tmp_path / "out")


# ---- vocabulary --------------------------------------------------------------------------------------------------


def test_the_vocabulary_counts_documents(tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 2: 1.0}, {2: 2.0}, {}])
    generation = seismic.build(vectors, tmp_path / "out", vocabulary=Vocabulary(["a", "b", "c", "d"]))
    with pa.memory_map(str(generation / "vocabulary.arrow")) as source:
        found = pa.ipc.open_file(source).read_all()
    assert found["token"].to_pylist() == ["a", "b", "c", "d"]
    assert found["document_frequency"].to_pylist() == [1, 0, 2, 0]
    assert found["idf"].to_pylist() == inverse_document_frequency(np.array([1, 0, 2, 0]), 3).tolist()
    with seismic.open(tmp_path / "out") as index:
        assert index.dimension == 4  # the size of the vocabulary, if that is larger


def test_every_component_needs_a_token(tmp_path: Path) -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0, 3: 1.0}])
    with pytest.raises(InputError, match="vocabulary: found 2 tokens for vectors of dimension 4, expected at least"):
        seismic.build(vectors, tmp_path / "out", vocabulary=Vocabulary(["a", "b"]))


def test_tokens_must_differ(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="token 'a' of component 1 is a duplicate"):
        seismic.build(VECTORS, tmp_path / "out", vocabulary=Vocabulary(["a", "a"]))


# ---- publishing --------------------------------------------------------------------------------------------------


def test_existing_collections_are_replaced_on_request_only(tmp_path: Path) -> None:
    first = seismic.build(VECTORS, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(OutputExistsError, match="out exists; choose another folder"):
        seismic.build(VECTORS, tmp_path / "out")
    assert files(tmp_path / "out") == before
    second = seismic.build(VECTORS.slice(0, 50), tmp_path / "out", replace=True)
    assert [first.name, second.name] == ["000001", "000002"]
    assert len(seismic.open(tmp_path / "out")) == 50
    assert (
        files(first).items() <= {name.removeprefix("generations/000001/"): old for name, old in before.items()}.items()
    )


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "maxima":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seismic.build(VECTORS, tmp_path / "out", shards=2, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot write"):
        seismic.build(VECTORS, tmp_path / "file/out")
    with pytest.raises(OutputExistsError, match="file exists"):
        seismic.build(VECTORS, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


# ---- progress and parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shards", "workers"), [(1, 1), (3, 2)])
@pytest.mark.parametrize(
    ("params", "stages"),
    [(BuildParams(), {"order", "maxima"}), (LISTS, {"order", "maxima", "prune", "summarize"})],
)
def test_progress_reaches_the_total_in_every_stage(
    tmp_path: Path, params: BuildParams, stages: set[str], shards: int, workers: int
) -> None:
    calls: dict[str, list[int]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        assert 0 <= done <= total == 200
        calls.setdefault(stage, []).append(done)

    seismic.build(VECTORS, tmp_path / "out", params=params, shards=shards, workers=workers, progress=progress)
    assert calls.keys() == stages
    for stage, done in calls.items():
        assert done == sorted(done), stage
        assert done[-1] == 200, stage


def test_parameters_shape_the_index(tmp_path: Path) -> None:
    params = LISTS.replace(pruning="fixed", postings_per_list=5, order_clusters=0)
    seismic.build(VECTORS, tmp_path / "out", params=params)
    index = seismic.open(tmp_path / "out")
    assert index.manifest.build_params == params
    shard = index.view.base[0].shard
    assert shard.shared.numbers.tolist() == list(range(200))
    assert shard.lists is not None
    ends = np.concatenate([[0], np.cumsum(np.bitwise_count(shard.lists.blocks.members & 255))])
    lengths = np.diff(ends[shard.lists.blocks.lists])
    frequency = np.bincount(VECTORS.components, minlength=VECTORS.dimension)
    assert lengths.tolist() == np.minimum(frequency, 5).tolist()
