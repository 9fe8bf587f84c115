"""Parse ISO 8601 dates, times and durations without rounding."""

import re
from datetime import UTC, datetime, time
from fractions import Fraction

_FRACTION = re.compile(r"(\d\d:?\d\d:?\d\d)[.,](\d+)", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?)?", re.ASCII
)
_UNITS = (604_800, 86_400, 3_600, 60, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_TEXT = 100
"""Characters of the longest text that is parsed; more digits cost time and say nothing."""


def seconds_since_epoch(text: str) -> Fraction:
    """Return the seconds since 1970 in UTC of a date (midnight) or time (UTC without an offset).

    Raises ValueError for any other text.
    """
    rest, fraction = _split(text)
    instant = datetime.fromisoformat(rest)
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    since = aware - _EPOCH
    whole = Fraction(since.days * 86_400 + since.seconds) + Fraction(since.microseconds, 1_000_000)
    return whole + fraction


def seconds_of_day(text: str) -> Fraction:
    """Return the seconds since midnight of a time without an offset. Raises ValueError for any other text."""
    rest, fraction = _split(text)
    clock = time.fromisoformat(rest)
    if clock.tzinfo:
        raise ValueError("found an offset, expected a time without one")
    return clock.hour * 3_600 + clock.minute * 60 + clock.second + Fraction(clock.microsecond, 1_000_000) + fraction


def seconds_of_duration(text: str) -> Fraction:
    """Return the seconds of a duration such as 'P1DT2H' or '-PT0.5S'. Raises ValueError for any other text.

    Years and months have no fixed length and are not allowed.
    """
    _check_length(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("expected a duration such as 'P1DT2H' or 'PT0.5S'")
    sign, *counts, digits = match.groups(default="0")
    whole = sum(int(count) * unit for count, unit in zip(counts, _UNITS, strict=True))
    seconds = whole + Fraction(int(digits), 10 ** len(digits))
    return -seconds if sign == "-" else seconds


def units_since_epoch(text: str, per_second: int | Fraction) -> int:
    """Return `seconds_since_epoch` in units of 1 / `per_second` seconds. Raises ValueError for a finer time."""
    return in_units(seconds_since_epoch(text), per_second)


def in_units(seconds: Fraction, per_second: int | Fraction) -> int:
    """Return seconds in units of 1 / `per_second` seconds. Raises ValueError if that is not a whole number."""
    count = seconds * per_second
    if count.denominator != 1:
        raise ValueError(f"finer than 1 / {per_second} seconds")
    return count.numerator


def _split(text: str) -> tuple[str, Fraction]:
    """Separate the fraction of a second from the text, since datetime keeps only six digits."""
    _check_length(text)
    match = _FRACTION.search(text)
    if match is None or match.start() > len("2024-02-29T"):  # a later one belongs to the offset
        return text, Fraction(0)
    return text[: match.end(1)] + text[match.end() :], Fraction(int(match[2]), 10 ** len(match[2]))


def _check_length(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise ValueError(f"found {len(text)} characters, expected at most {MAX_TEXT}")
