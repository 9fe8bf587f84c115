import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from seismic import SparseVectors
from seismic_tools.measure.synth import kernels
from seismic_tools.measure.synth.kernels import Source
from tests.samples import NARROW, random_vectors, sparse_vectors

pytestmark = pytest.mark.usefixtures("wrapping_hash")


def source_of(vectors: SparseVectors) -> Source:
    falling = np.empty_like(vectors.values)
    kernels.sort_falling(vectors.indptr, vectors.values, falling)
    return Source(vectors.indptr, vectors.components, vectors.values, falling)


def made(
    vectors: SparseVectors, last: int, stretch: float = 1.0, copies: float = 0.0, seed: int = 0, first: int = 0
) -> SparseVectors:
    scratch = kernels.make_scratch(vectors.dimension)
    triple = kernels.make_documents(source_of(vectors), stretch, copies, seed, first, last, scratch)
    return SparseVectors.from_arrays(*triple, vectors.dimension)  # checked: ascending, positive, in range


def rows(vectors: SparseVectors) -> list[tuple[list[int], list[float]]]:
    return [(components.tolist(), values.tolist()) for components, values in (vectors[r] for r in range(len(vectors)))]


def filled(vectors: SparseVectors) -> SparseVectors:
    """Return the vectors that have components, and one more."""
    some = [vectors.slice(row, row + 1) for row in np.flatnonzero(np.diff(vectors.indptr)).tolist()]
    return SparseVectors.concatenate([*some, SparseVectors.from_dicts([{3: 1.0}], vectors.dimension)])


@given(sparse_vectors(), st.floats(0.2, 3), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_documents_are_valid_and_of_the_parents_components(
    vectors: SparseVectors, stretch: float, copies: float, seed: int
) -> None:
    real = filled(vectors)
    found = made(real, 6, stretch, copies, seed)
    assert len(found) == 6
    assert np.diff(found.indptr).min() >= 1
    assert set(found.components.tolist()) <= set(real.components.tolist())
    assert found.values.min() >= real.values.min()
    assert found.values.max() <= real.values.max()


@given(sparse_vectors(), st.integers(1, 5))
def test_a_document_depends_on_seed_and_number_alone(vectors: SparseVectors, cut: int) -> None:
    real = filled(vectors)
    whole = rows(made(real, 6, 1.5, 0.5))
    assert rows(made(real, cut, 1.5, 0.5)) == whole[:cut]
    assert rows(made(real, 6, 1.5, 0.5, first=cut)) == whole[cut:]


def test_a_seed_gives_the_same_bytes_on_any_machine_with_and_without_compilation() -> None:
    real = [{(7 * row + 11 * n) % NARROW: 1 + (row * n % 13) / 8 for n in range(9)} for row in range(30)]
    found = made(SparseVectors.from_dicts(real, NARROW), 20, 1.3, 0.2, seed=7)
    digest = xxhash.xxh3_64_hexdigest(found.components.tobytes() + found.values.tobytes())
    assert digest == "9a40c2807242ed8e"


def test_different_seeds_give_different_documents() -> None:
    real = random_vectors(50, empty=0)
    assert rows(made(real, 5, seed=1)) != rows(made(real, 5, seed=2))


def test_one_parent_gives_itself() -> None:
    real = SparseVectors.from_dicts([{2: 1.0, 5: 3.0, 9: 2.0}], NARROW)
    assert rows(made(real, 3)) == rows(real) * 3


def test_components_that_all_parents_have_are_kept_and_the_others_in_proportion() -> None:
    common = dict.fromkeys(range(4), 4.0)
    real = SparseVectors.from_dicts([{**common, 10 + row: 1.0, 30 + row: 1.0} for row in range(20)], NARROW)
    found = made(real, 300)
    assert all(components[:4] == [0, 1, 2, 3] for components, _ in rows(found))
    own = np.diff(found.indptr) - 4
    assert own.mean() == pytest.approx(2, abs=0.25)  # of 6, drawn one by one


def test_lengths_stretch() -> None:
    real = random_vectors(200, per_vector=12, empty=0)
    for stretch in (0.5, 1.0, 2.0):
        lengths = np.diff(made(real, 100, stretch).indptr)
        assert lengths.mean() == pytest.approx(12 * stretch, rel=0.1)


def test_near_copies_repeat_an_earlier_document_but_for_some_components() -> None:
    real = random_vectors(100, dimension=1000, per_vector=40, empty=0)
    found = [set(components) for components, _ in rows(made(real, 80, copies=0.5))]
    repeated = [
        any(one <= other and len(one) > 0.6 * len(other) for other in found[:at]) for at, one in enumerate(found)
    ]
    copies = sum(repeated)
    assert 20 <= copies <= 60  # 40 expected, standard deviation 4.5


def test_values_fall_within_each_vector() -> None:
    real = random_vectors(20)
    falling = source_of(real).falling
    for row in range(len(real)):
        span = slice(real.indptr[row], real.indptr[row + 1])
        assert falling[span].tolist() == sorted(real.values[span].tolist(), reverse=True)
