"""Dates and times as ISO 8601 writes them, exactly."""

import re
from datetime import UTC, datetime
from fractions import Fraction

_FRACTION = re.compile(r"^(.{8,11}\d\d:?\d\d:?\d\d)[.,](\d+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_since_epoch(text: str) -> Fraction:
    """Seconds from 1970 in UTC of a date (its midnight) or a time, which is of UTC if it says nothing else. ValueError
    if it is neither."""
    found = _FRACTION.search(text)  # datetime keeps six digits only
    instant = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    since = aware - _EPOCH
    whole = Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)
    return whole + (Fraction(int(found[2]), 10 ** len(found[2])) if found else 0)


def count_of(text: str, per_second: int | Fraction) -> int:
    """The same in units of which so many are a second; ValueError, too, for what is finer than they are."""
    count = seconds_since_epoch(text) * per_second
    if count.denominator != 1:
        raise ValueError(f"finer than 1 / {per_second} seconds")
    return count.numerator
