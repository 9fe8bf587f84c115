import pytest

from seismic import ParameterError
from seismic.conversion.sizes import parse_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17", 17),
        ("3B", 3),
        ("8GB", 8_000_000_000),
        ("1.5 gb", 1_500_000_000),
        ("512MiB", 512 << 20),
        (" 2 KiB ", 2048),
        ("1TB", 10**12),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "8 bytes", "1e9", "8iB"])
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(ParameterError, match="expected a number and a unit, such as 8GB"):
        parse_bytes(text)
