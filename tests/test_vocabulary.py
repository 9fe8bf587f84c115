import numpy as np
import pyarrow as pa
import pytest

from seismic import InputError, Vocabulary
from seismic.vocabulary import inverse_document_frequency


@pytest.mark.parametrize(
    "tokens",
    [["the", "ocean", "##s"], pa.array(["the", "ocean", "##s"], pa.large_string()), iter(["the", "ocean", "##s"])],
)
def test_translates_both_ways(tokens: list[str]) -> None:
    vocabulary = Vocabulary(tokens)
    assert len(vocabulary) == 3
    assert [vocabulary.token(component) for component in (-1, 0, 1, 2, 3)] == [None, "the", "ocean", "##s", None]
    assert [vocabulary.component(token) for token in ("##s", "the", "sea")] == [2, 0, None]


def test_null_tokens_are_refused() -> None:
    with pytest.raises(InputError, match="vocabulary: found a null token"):
        Vocabulary(["the", None])


def test_repeated_tokens_are_found() -> None:
    Vocabulary(["a", "b"]).check_unique()
    with pytest.raises(InputError, match="token 'a' of component 2 is a duplicate"):
        Vocabulary(["a", "b", "a", "b"]).check_unique()


def test_idf_falls_with_document_frequency_and_stays_positive() -> None:
    idf = inverse_document_frequency(np.array([0, 1, 50, 100]), 100)
    assert idf.dtype == np.float32
    assert idf.tolist() == sorted(idf.tolist(), reverse=True)
    assert idf[-1] > 0
    assert idf[1] == pytest.approx(np.log(1 + 99.5 / 1.5))
