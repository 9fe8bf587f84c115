"""When keys expire: the texts in which people give it."""

import re
from datetime import UTC, date, datetime, timedelta

from seismic import ParameterError

_SPAN = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def expiry_of(text: str, now: datetime | None = None) -> datetime:
    """Return the time that `90d`, a date (its start in UTC) or a time with its zone means. Raises ParameterError."""
    now = now or datetime.now(UTC)
    found = _time_of(text.strip(), now)
    if found is None:
        raise ParameterError(
            f"expires: found {text!r}, expected a span such as 12h, 90d or 52w, a date such as 2030-01-31, or a time "
            "with its zone such as 2030-01-31T12:00Z"
        )
    if found <= now:
        raise ParameterError(f"expires: found {text!r}, which is {shown(found)}, expected a time after {shown(now)}")
    return found


def shown(time: datetime) -> str:
    """Return a time as people read it, in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time_of(text: str, now: datetime) -> datetime | None:
    try:
        if span := _SPAN.fullmatch(text):
            return (now + timedelta(**{_UNITS[span[2]]: int(span[1])})).replace(microsecond=0)
        if "T" not in text:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None
