from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic import BuildParams, SparseVectors
from seismic.builder import order
from seismic.builder.order import order_documents
from seismic.builder.prune import Postings, postings_per_list, prune_postings
from seismic.builder.ranges import ranges_by_work
from seismic.builder.spool import Spool
from tests import naive, samples


def no_report(stage: str, share: float) -> None:
    pass


def pruned(vectors: SparseVectors, **params: Any) -> dict[int, list[int]]:
    """Return the positions kept, by component."""
    starts, positions = Postings(*prune_postings(vectors, BuildParams(**params), no_report))
    return {c: positions[starts[c] : starts[c + 1]].tolist() for c in np.flatnonzero(np.diff(starts)).tolist()}


# ---- pruning -----------------------------------------------------------------------------------------------------


@given(samples.sparse_vectors(max_size=60), st.integers(1, 30))
def test_fixed_pruning_keeps_the_heaviest_of_each_list(vectors: SparseVectors, length: int) -> None:
    expected = naive.prune(naive.invert(naive.rows(vectors)), length)
    assert pruned(vectors, pruning="fixed", postings_per_list=length) == expected


@given(samples.sparse_vectors(max_size=60), st.integers(1, 30), st.floats(1, 5))
def test_global_pruning_keeps_the_heaviest_of_each_list(vectors: SparseVectors, length: int, fraction: float) -> None:
    documents = naive.rows(vectors)
    postings = naive.invert(documents)
    for component, kept in pruned(vectors, postings_per_list=length, max_fraction=fraction).items():
        assert kept == naive.prune({component: postings[component]}, len(kept))[component]
        assert len(kept) <= int(length * fraction)


def test_global_pruning_keeps_everything_that_fits() -> None:
    vectors = samples.random_vectors(60)
    lists = {c: [position for position, _ in entries] for c, entries in naive.invert(naive.rows(vectors)).items()}
    assert pruned(vectors, postings_per_list=60) == lists


@pytest.mark.parametrize("limits", [{"max_fraction": 1e308}, {"postings_per_list": 2**63}, {"max_fraction": 1.7e308}])
def test_limits_of_any_size_keep_everything(limits: dict[str, Any]) -> None:
    vectors = samples.random_vectors(60)
    everything = {c: [position for position, _ in rows] for c, rows in naive.invert(naive.rows(vectors)).items()}
    assert pruned(vectors, **({"postings_per_list": 60} | limits)) == everything


def test_global_pruning_spends_its_budget_on_the_largest_values() -> None:
    vectors = samples.random_vectors(2000, dimension=30, per_vector=15, empty=0)
    kept = sum(map(len, pruned(vectors, postings_per_list=300, max_fraction=100.0).values()))
    assert 0.9 * 300 * 30 <= kept <= 300 * 30 * 1.5


def test_global_pruning_of_equal_values_keeps_postings() -> None:
    vectors = SparseVectors.from_dicts([dict.fromkeys(range(20), 1.0)] * 100)
    lists = pruned(vectors, postings_per_list=20)
    assert len(lists) == 20
    assert min(map(len, lists.values())) >= 20


def test_default_lists_grow_with_the_collection() -> None:
    lengths = [postings_per_list(BuildParams(), 10**power) for power in range(9)]
    assert lengths == sorted(lengths)
    assert postings_per_list(BuildParams(), 319_203) == pytest.approx(400, rel=0.05)
    assert postings_per_list(BuildParams(), 8_841_823) == pytest.approx(4000, rel=0.05)
    assert postings_per_list(BuildParams(postings_per_list=7), 10**6) == 7


# ---- document order ----------------------------------------------------------------------------------------------


@given(samples.sparse_vectors(), st.sampled_from([None, 0, 1, 3, 1000]), st.integers(1, 3))
def test_the_order_is_a_permutation(vectors: SparseVectors, clusters: int | None, rounds: int) -> None:
    params = BuildParams(order_clusters=clusters, order_rounds=rounds)
    assert sorted(order_documents(vectors, params, 1, no_report)) == list(range(len(vectors)))


def test_no_clusters_keep_the_input_order() -> None:
    vectors = samples.random_vectors(200)
    assert order_documents(vectors, BuildParams(order_clusters=0), 1, no_report).tolist() == list(range(200))


def test_similar_documents_become_neighbours() -> None:
    topics = [{topic * 10 + component: 1.0 + component for component in range(5)} for topic in range(4)]
    vectors = SparseVectors.from_dicts([topics[number % 4] for number in range(400)])
    numbers = order_documents(vectors, BuildParams(order_clusters=16), 2, no_report)
    changes = np.count_nonzero(np.diff(numbers.astype(int) % 4))
    assert changes <= 15


@pytest.fixture
def two_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters of a large shard, with parts of 100 documents."""
    for name, size in (("ONE_LEVEL", 120), ("PART", 100), ("PART_HEAD", 8), ("CENTROID_HEAD", 5), ("ORDER_HEAD", 4)):
        monkeypatch.setattr(order, name, size)


@pytest.mark.usefixtures("two_levels")
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_large_shards_are_clustered_in_two_levels(rounds: int) -> None:
    vectors = samples.random_vectors(450, dimension=60)
    params = BuildParams(order_rounds=rounds, seed=5)
    documents, expected = naive.rows(vectors), list[int]()

    def clusters(numbers: list[int], count: int, cut: int, stream: int) -> list[list[int]]:
        drawn = naive.sample(len(numbers), count, 5, stream)
        first = [naive.head(documents[numbers[place]], cut) for place in drawn]
        return naive.k_means(documents, numbers, first, (4, cut), rounds)

    for part, numbers in enumerate(clusters(list(range(450)), 5, 8, order.ORDER_STREAM)):
        inner = clusters(numbers, max(1, len(numbers) * 40 // 450), 5, order.ORDER_STREAM + 1 + part)
        expected += [number for members in inner for number in members]
    for threads in (1, 2, 3):
        assert order.cluster_documents(vectors, 40, params, threads, no_report).tolist() == expected


@pytest.mark.usefixtures("two_levels")
def test_parts_without_documents_are_left_out() -> None:
    vectors = SparseVectors.from_dicts([{0: 1.0 + number % 7} for number in range(300)])
    assert order_documents(vectors, BuildParams(), 2, no_report).tolist() == order_of_one_level(vectors)


def order_of_one_level(vectors: SparseVectors) -> list[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "ONE_LEVEL", len(vectors))
        return order_documents(vectors, BuildParams(), 1, no_report).tolist()


@pytest.mark.usefixtures("two_levels")
def test_progress_of_both_levels_adds_up() -> None:
    shares: list[float] = []
    order_documents(samples.random_vectors(450), BuildParams(), 2, lambda stage, share: shares.append(share))
    assert sum(shares) == pytest.approx(1, abs=0.02)


# ---- ranges and spools -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 20)), st.integers(0, 30))
def test_ranges_cover_all_and_hold_little_work(work: list[int], most: int) -> None:
    ranges = ranges_by_work(np.array(work, np.int64), most)
    assert [item for first, last in ranges for item in range(first, last)] == list(range(len(work)))
    assert all(last - first == 1 or sum(work[first:last]) <= most for first, last in ranges)


@pytest.mark.parametrize("pieces", [[], [[]], [[1, 2], [], [3]]])
def test_spools_hold_what_was_appended(tmp_path: Path, pieces: list[list[int]]) -> None:
    spool = Spool(np.uint16, tmp_path)
    for piece in pieces:
        spool.append(np.array(piece, np.uint16))
    expected = [number for piece in pieces for number in piece]
    array = spool.array()
    assert array.dtype == np.uint16
    assert (array.tolist(), len(spool)) == (expected, len(expected))
    assert list(tmp_path.iterdir()) == []
