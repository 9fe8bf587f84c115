"""Write values as plain text: for JSON, which lacks types, and for error messages."""

import base64
import reprlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Time unit -> units per second."""


def to_json(value: Any) -> str:
    """Return the text of a value that JSON has no type for; TypeError for other types. For orjson's `default`.

    Bytes become base64, decimals plain digits ("0.00000000", not "0E-8"), durations ISO 8601 in seconds.
    """
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, timedelta):
        micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return duration_text(micros, "us")
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def excerpt(value: Any) -> str:
    """Return the repr of a value for an error message, shortened if it is long or deep."""
    try:
        return _EXCERPT.repr(value)
    except ValueError:  # an integer of more digits than Python converts
        return f"an integer of more than {_EXCERPT.maxlong} digits"


_EXCERPT = reprlib.Repr()
_EXCERPT.maxstring = _EXCERPT.maxother = _EXCERPT.maxlong = 100


def duration_text(count: int, unit: str) -> str:
    """Return a duration as ISO 8601 in seconds, such as 'PT1.5S'."""
    whole, rest = divmod(abs(count), PER_SECOND[unit])
    digits = f"{rest:0{len(str(PER_SECOND[unit])) - 1}d}".rstrip("0") if rest else ""
    return f"{'-' if count < 0 else ''}PT{whole}{'.' if digits else ''}{digits}S"
