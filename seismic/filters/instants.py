"""Parse ISO 8601 dates and times without rounding."""

import re
from datetime import UTC, datetime
from fractions import Fraction

_FRACTION = re.compile(r"^(.{8,11}\d\d:?\d\d:?\d\d)[.,](\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_since_epoch(text: str) -> Fraction:
    """Return the seconds since 1970 in UTC of a date (midnight) or time (UTC without an offset).

    Raises ValueError for any other text.
    """
    fraction = _FRACTION.search(text)  # datetime keeps only six digits
    instant = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    since = aware - _EPOCH
    whole = Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)
    return whole + (Fraction(int(fraction[2]), 10 ** len(fraction[2])) if fraction else 0)


def units_since_epoch(text: str, per_second: int | Fraction) -> int:
    """Return `seconds_since_epoch` in units of 1 / `per_second` seconds. Raises ValueError for a finer time."""
    count = seconds_since_epoch(text) * per_second
    if count.denominator != 1:
        raise ValueError(f"finer than 1 / {per_second} seconds")
    return count.numerator
