import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.kernels import order
from seismic.kernels.heaviest import Heads
from tests import naive, samples
from tests.naive import Row


@given(samples.sparse_vectors(), st.integers(1, 8))
def test_inverted_centroids_are_unit_vectors(vectors: SparseVectors, cut: int) -> None:
    inverted = order.invert_centroids(samples.heads(vectors, cut), vectors.dimension)
    heads = [naive.head(row, cut) for row in naive.rows(vectors)]
    expected = naive.invert([naive.unit(head) for head in heads])
    assert len(inverted.starts) == vectors.dimension + 1
    assert np.flatnonzero(np.diff(inverted.starts)).tolist() == sorted(expected)
    for component, entries in expected.items():
        span = slice(inverted.starts[component], inverted.starts[component + 1])
        assert inverted.clusters[span].tolist() == [cluster for cluster, _ in entries]
        np.testing.assert_allclose(inverted.values[span], [value for _, value in entries], rtol=1e-5)


@given(st.data(), samples.dimensions)
def test_documents_go_to_the_most_similar_centroid(data: st.DataObject, dimension: int) -> None:
    documents = data.draw(samples.sparse_rows(dimension, min_size=1))
    centroids = data.draw(samples.sparse_rows(dimension, min_size=1, max_size=8))
    for document, label in zip(documents, assign(documents, centroids, dimension), strict=True):
        similarities = [naive.dot(document, naive.unit(centroid)) for centroid in centroids]
        assert max(similarities) <= similarities[label] * (1 + 1e-5)


def assign(documents: list[Row], centroids: list[Row], dimension: int) -> list[int]:
    def heads(rows: list[Row]) -> Heads:
        return samples.heads(SparseVectors.from_dicts(rows, dimension), samples.COMPONENTS)

    inverted = order.invert_centroids(heads(centroids), dimension)
    labels = np.full(len(documents), -1, np.int32)
    order.assign_documents(heads(documents), inverted, len(centroids), 0, len(documents), labels)
    return labels.tolist()


def test_ties_go_to_the_lower_cluster() -> None:
    centroids = [{1: 1.0}, {0: 1.0}, {0: 1.0}]
    assert assign([{0: 2.0}, {5: 1.0}, {}], centroids, samples.NARROW) == [1, 0, 0]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_groups_hold_their_members_in_order(labels: list[int]) -> None:
    starts, members = order.group_by_cluster(np.array(labels, np.int32), 7)
    found = [members[starts[cluster] : starts[cluster + 1]].tolist() for cluster in range(7)]
    assert found == naive.group(labels, 7)


@given(samples.sparse_vectors(), st.integers(1, 40), st.data())
def test_centroids_become_the_heads_of_their_members_sum(vectors: SparseVectors, cut: int, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 3), min_size=len(vectors), max_size=len(vectors)))
    starts, members = order.group_by_cluster(np.array(labels, np.int32), 4)
    centroids = samples.heads(SparseVectors.from_dicts([{9: 7.0}] * 4, vectors.dimension), cut)
    order.update_centroids(*samples.csr(vectors), starts, members, vectors.dimension, 0, 4, centroids)
    documents = naive.rows(vectors)
    for cluster, group in enumerate(naive.group(labels, 4)):
        count = centroids.counts[cluster]
        found = dict(
            zip(centroids.components[cluster, :count].tolist(), centroids.values[cluster, :count], strict=True)
        )
        total = naive.mean_direction([documents[member] for member in group]) or {9: 7.0}
        assert len(found) == min(cut, len(total))
        np.testing.assert_allclose(
            [found[component] for component in found], [total[component] for component in found], rtol=1e-4
        )
        left_out = [value for component, value in total.items() if component not in found]
        assert max(left_out, default=0) <= min(found.values()) * (1 + 1e-4)
        assert list(found.values()) == sorted(found.values(), reverse=True)


@given(samples.sparse_vectors(), st.data())
def test_gathers_vectors_in_the_given_order(vectors: SparseVectors, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(vectors) - 1)))
    rows = naive.rows(vectors)
    indptr = samples.offsets([len(rows[number]) for number in chosen], np.int64)
    components, values = np.zeros(indptr[-1], vectors.components.dtype), np.zeros(indptr[-1], np.float32)
    order.gather_vectors(*samples.csr(vectors), np.array(chosen, np.uint32), 0, len(chosen), indptr, components, values)
    gathered = SparseVectors.from_arrays(indptr, components, values, vectors.dimension)
    assert naive.rows(gathered) == [rows[number] for number in chosen]
