import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic.builder.quantize import quantize_vectors
from seismic.builder.shared import share_blocks
from seismic.kernels.shared import Shared, bits_match, count_components, restore
from tests import samples


def shared_of(vectors: SparseVectors, threads: int = 1) -> Shared:
    forward = quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1)
    return share_blocks(forward, vectors.dimension, threads)


@given(samples.sparse_vectors(max_size=30))
def test_components_of_several_documents_come_first(vectors: SparseVectors) -> None:
    for name, found, expected in zip(Shared._fields, shared_of(vectors), samples.shared(vectors), strict=True):
        np.testing.assert_array_equal(found, expected, err_msg=name, strict=True)


def test_threads_do_not_matter() -> None:
    vectors = samples.random_vectors(3000, per_vector=12)
    for one, other in zip(shared_of(vectors), shared_of(vectors, threads=3), strict=True):
        np.testing.assert_array_equal(one, other)


@given(samples.sparse_vectors(max_size=30), st.data())
def test_bits_match_what_they_count(vectors: SparseVectors, data: st.DataObject) -> None:
    shared = shared_of(vectors)
    documents = shared.documents.copy()
    if len(documents) and data.draw(st.booleans()):
        documents[data.draw(st.integers(0, len(documents) - 1))] = data.draw(st.integers(0, 255))
    counts = [0, *np.cumsum([int(byte).bit_count() for byte in documents])]
    expected = [counts[start] for start in shared.starts] == shared.code_starts.tolist()
    assert bits_match(documents, shared.starts, shared.code_starts) == expected


def restored(shared: Shared, positions: list[int], dimension: int) -> SparseVectors:
    indptr, places = np.zeros(len(positions) + 1, np.int64), np.array(positions, np.uint32)
    count_components(shared, places, indptr[1:])
    np.cumsum(indptr, out=indptr)
    components, values = np.zeros(indptr[-1], shared.components.dtype), np.zeros(indptr[-1], np.float32)
    restore(shared, places, indptr, components, values)
    return SparseVectors.trusted(indptr, components, values, dimension)


@given(samples.sparse_vectors(values=st.floats(2.0**-49, 2.0**49, width=32)), st.data())
def test_restored_vectors_get_the_same_codes_again(vectors: SparseVectors, data: st.DataObject) -> None:
    forward = quantize_vectors(vectors, np.arange(len(vectors), dtype=np.uint32), 1)
    positions = data.draw(st.permutations(range(len(vectors))))
    back = restored(samples.readonly(shared_of(vectors)), positions, vectors.dimension)
    again = quantize_vectors(back, np.arange(len(vectors), dtype=np.uint32), 1)
    np.testing.assert_array_equal(again.scales, forward.scales[positions])
    for row, position in enumerate(positions):
        new, old = slice(*again.starts[row : row + 2]), slice(*forward.starts[position : position + 2])
        for name in ("components", "codes", "residuals"):
            np.testing.assert_array_equal(getattr(again, name)[new], getattr(forward, name)[old])
        scale = np.float64(forward.scales[position])
        stored = scale * (forward.codes[old] + forward.residuals[old] / 256)
        np.testing.assert_allclose(back.values[new], stored, rtol=2**-22)


def test_a_scale_that_no_quantisation_makes_is_restored_to_the_next() -> None:
    scales = np.arange(100, dtype=np.float32) + np.float32(0.3)
    shared = shared_of(SparseVectors.from_dicts([{0: 1.5}] * 100))._replace(scales=scales)
    again = quantize_vectors(restored(shared, list(range(100)), 1), np.arange(100, dtype=np.uint32), 1)
    assert (np.abs(again.scales - scales) <= np.spacing(scales)).all()
