import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels.sample import mix, sample
from tests import naive

pytestmark = pytest.mark.usefixtures("wrapping_hash")


def draw(population: int, size: int, seed: int = 0, stream: int = 0) -> list[int]:
    chosen = np.zeros(size, np.uint32)
    sample(population, seed, stream, chosen, np.zeros(population, np.uint32))
    return chosen.tolist()


def test_mix_is_splitmix64() -> None:
    # The first outputs of the reference implementation for seed 1234567.
    states = [1234567 + step * naive.GAMMA & naive.WORD for step in (1, 2, 3)]
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    outputs = [int(mix(np.uint64(state))) for state in states]  # type: ignore[arg-type]
    assert outputs == expected
    assert [naive.mix(state) for state in states] == expected


@given(st.integers(1, 100), st.data())
def test_draws_what_integer_arithmetic_draws(population: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, population))
    seed, stream = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(0, 2**32))
    found = draw(population, size, seed, stream)
    assert found == naive.sample(population, size, seed, stream)
    assert found == sorted(set(found))
    assert set(found) <= set(range(population))


def test_a_sample_of_all_is_all() -> None:
    assert draw(50, 50) == list(range(50))


def test_the_draw_depends_on_seed_and_stream() -> None:
    draws = {tuple(draw(1000, 10, seed, stream)) for seed in range(4) for stream in range(4)}
    assert len(draws) == 16


def test_every_number_is_drawn_about_equally_often() -> None:
    counts = np.bincount(np.ravel([draw(20, 5, 7, stream) for stream in range(400)]), minlength=20)
    assert counts.min() > 60  # 100 expected, standard deviation 8.7
    assert counts.max() < 140
