"""Parse the names of column types, such as "int64" or "list<string>"; every name that Arrow prints is accepted."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError

EXAMPLES = "string, int64, double, bool, date32, timestamp[us, tz=UTC], decimal128(10, 2) or list<string>"
"""Types for error messages."""

MAX_LEVELS = 16
"""Most types within each other."""

_PLAIN: dict[str, pa.DataType] = {
    "null": pa.null(),
    **dict.fromkeys(("bool", "boolean"), pa.bool_()),
    **{f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **dict.fromkeys(("float16", "halffloat"), pa.float16()),
    **dict.fromkeys(("float32", "float"), pa.float32()),
    **dict.fromkeys(("float64", "double"), pa.float64()),
    **dict.fromkeys(("string", "utf8"), pa.string()),
    **dict.fromkeys(("large_string", "large_utf8"), pa.large_string()),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    **dict.fromkeys(("date32", "date32[day]"), pa.date32()),
    **dict.fromkeys(("date64", "date64[ms]"), pa.date64()),
}


def _timestamp(unit: str, zone: str | None = None) -> pa.DataType:
    kind = pa.timestamp(unit, zone)
    try:
        pa.scalar(0, kind).as_py()
    except (KeyError, OSError) as error:  # no such time zone
        raise ValueError(str(error)) from None
    return kind


_WITH_PARAMETERS: tuple[tuple[re.Pattern[str], Callable[..., pa.DataType]], ...] = (
    (re.compile(r"timestamp\[(s|ms|us|ns)(?:, ?tz=([^\],\s]+))?\]"), _timestamp),
    (re.compile(r"time32\[(s|ms)\]"), pa.time32),
    (re.compile(r"time64\[(us|ns)\]"), pa.time64),
    (re.compile(r"duration\[(s|ms|us|ns)\]"), pa.duration),
    (re.compile(r"decimal128\((\d{1,2}), ?(-?\d{1,2})\)"), lambda *sizes: pa.decimal128(*map(int, sizes))),
    (re.compile(r"decimal256\((\d{1,2}), ?(-?\d{1,2})\)"), lambda *sizes: pa.decimal256(*map(int, sizes))),
    (re.compile(r"fixed_size_binary\[(\d{1,9})\]"), lambda size: pa.binary(int(size))),
)

_NAME, _FIELD, _ITEM = re.compile(r"[a-z_0-9]+(\[(day|ms)\])?"), re.compile(r"([^:<>,]+): ?"), re.compile(r"(\w+): ?")


def parse_type(kind: Any, where: str) -> pa.DataType:
    """Return the type that `kind` is or names. Raises ParameterError, which starts with `where`."""
    if isinstance(kind, pa.DataType):
        return kind
    if isinstance(kind, str) and kind.count("<") <= MAX_LEVELS:
        reader = _Reader(kind.strip())
        try:
            found = reader.kind()
            if reader.at == len(reader.text):
                return found
        except (_UnknownTypeError, pa.ArrowException, ValueError):
            pass
    raise ParameterError(f"{where}: found type {excerpt(kind)}, expected an Arrow type such as {EXAMPLES}")


class _UnknownTypeError(Exception):
    """The text names no type."""


class _Reader:
    """Reads a type from the start of a text."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def kind(self) -> pa.DataType:
        for pattern, make in _WITH_PARAMETERS:
            if match := self._match(pattern):
                return make(*(group for group in match.groups() if group is not None))
        name = self._expect(_NAME)
        if name in ("list", "large_list", "fixed_size_list"):
            return self._list(name)
        if name == "struct":
            return pa.struct(self._fields())
        if name == "map":
            return self._map()
        if name == "dictionary":
            return self._dictionary()
        if name not in _PLAIN:
            raise _UnknownTypeError
        return _PLAIN[name]

    def _list(self, name: str) -> pa.DataType:
        self._expect("<")
        inner = self._field(match[1] if (match := self._match(_ITEM)) else "item")
        self._expect(">")
        if name == "fixed_size_list":
            return pa.list_(inner, int(self._expect(re.compile(r"\[[1-9]\d{0,8}\]"))[1:-1]))
        return pa.list_(inner) if name == "list" else pa.large_list(inner)

    def _fields(self) -> list[pa.Field]:
        self._expect("<")
        fields: list[pa.Field] = []
        while not self._match(re.compile(">")):
            if fields:
                self._expect(re.compile(", ?"))
            if not (name := self._match(_FIELD)):
                raise _UnknownTypeError
            fields.append(self._field(name[1]))
        if not fields:
            raise _UnknownTypeError
        return fields

    def _map(self) -> pa.DataType:
        self._expect("<")
        key = self.kind()
        self._expect(re.compile(", ?"))
        value = self.kind()
        self._expect(">")
        return pa.map_(key, value)

    def _dictionary(self) -> pa.DataType:
        self._expect("<values=")
        values = self.kind()
        self._expect(re.compile(", ?indices="))
        indices = self.kind()
        ordered = self._expect(re.compile(", ?ordered=[01]"))[-1] == "1"
        self._expect(">")
        return pa.dictionary(indices, values, ordered)

    def _field(self, name: str) -> pa.Field:
        kind = self.kind()
        return pa.field(name, kind, nullable=self._match(re.compile(" not null")) is None)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def _expect(self, wanted: str | re.Pattern[str]) -> str:
        match = self._match(re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted)
        if match is None:
            raise _UnknownTypeError
        return match[0]
