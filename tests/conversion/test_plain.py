from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from seismic.conversion.plain import excerpt, to_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\x00\xff", "AP8="),
        (Decimal("0.00"), "0.00"),
        (Decimal("0E-8"), "0.00000000"),
        (Decimal("1E+2"), "100"),
        (timedelta(days=400, seconds=1, microseconds=5), "PT34560001.000005S"),
        (timedelta(seconds=-1.5), "-PT1.5S"),
        (timedelta(0), "PT0S"),
        (timedelta.max, "PT86399999999999.999999S"),
    ],
)
def test_values_that_json_has_no_type_for(value: object, text: str) -> None:
    assert to_json(value) == text


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="cannot write a datetime as JSON"):
        to_json(datetime(2024, 1, 1))


def test_excerpts_are_short() -> None:
    assert excerpt("abc") == "'abc'"
    assert len(excerpt("x" * 10_000)) <= 100
    assert len(excerpt(10**4000)) <= 100
    assert excerpt(10**5000) == "an integer of more than 100 digits"
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert len(excerpt(deep)) < 100
