import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seismic.kernels.hashing import hash_texts
from tests import naive, samples


@pytest.mark.usefixtures("wrapping_hash")
@given(st.lists(st.binary(max_size=20)))
def test_texts_are_hashed_as_defined(texts: list[bytes]) -> None:
    hashes = np.zeros(len(texts), np.uint64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    hash_texts(samples.offsets([len(text) for text in texts], np.int64), data, hashes)
    assert hashes.tolist() == [naive.hash_text(text) for text in texts]
