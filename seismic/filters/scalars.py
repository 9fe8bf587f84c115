"""Values in filters: strings, numbers and booleans, whose types decide how errors are worded."""

from collections.abc import Callable
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from seismic.conversion.plain import to_json

MAX_TEXT = 1024
"""Characters of the longest text of `prefix`, `substring` and `text`."""


_AS_TEXT = (date, time, timedelta, Decimal)


def by_type(expected: str, of: Callable[[Any], str] = lambda value: type(value).__name__) -> Any:
    """Choose the branch of a union by `of(value)`, the name of a type."""
    return Discriminator(of, custom_error_type="type", custom_error_message=f"expected {expected}")


def _kind_of_values(values: Any) -> str:
    """Return the type that decides how a list is read. An empty list counts as strings."""
    if not isinstance(values, list):
        return ""
    kinds = set(map(type, values))
    return "float" if kinds == {int, float} else type(values[0]).__name__ if values else "str"


def as_json(value: Any) -> Any:
    """Return dates, times, durations and decimals as their text; other values as they are."""
    if isinstance(value, date | time):
        return value.isoformat()
    return to_json(value) if isinstance(value, _AS_TEXT) else value


def _all_as_json(values: Any) -> Any:
    if isinstance(values, list) and any(issubclass(kind, _AS_TEXT) for kind in set(map(type, values))):
        return list(map(as_json, values))
    return values


Integer: TypeAlias = Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]

Bound: TypeAlias = Annotated[
    Annotated[int, Tag("int")]
    | Annotated[Finite, Tag("float")]
    | Annotated[str, Field(max_length=64), Tag("str")]
    | Annotated[None, Tag("NoneType")],
    by_type("a number, a date or a time"),
    BeforeValidator(as_json),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 64}, {"type": "null"}]}),
]
Value: TypeAlias = Annotated[
    Annotated[str, Tag("str")]
    | Annotated[Integer, Tag("int")]
    | Annotated[Finite, Tag("float")]
    | Annotated[bool, Tag("bool")],
    by_type("a string, a number or a boolean"),
    BeforeValidator(as_json),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}),
]
Values: TypeAlias = Annotated[
    Annotated[list[str], Field(fail_fast=True), Tag("str")]
    | Annotated[list[Integer], Field(fail_fast=True), Tag("int")]
    | Annotated[list[Integer | Finite], Field(fail_fast=True), Tag("float")]
    | Annotated[list[bool], Field(fail_fast=True), Tag("bool")],
    by_type("a list of strings, of numbers or of booleans", _kind_of_values),
    BeforeValidator(_all_as_json),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": kind}} for kind in ("string", "number", "boolean")]}),
]
Ids: TypeAlias = Annotated[
    Annotated[list[str], Field(fail_fast=True), Tag("str")]
    | Annotated[list[Integer], Field(fail_fast=True), Tag("int")],
    by_type("a list of strings or of integers", _kind_of_values),
]
Text: TypeAlias = Annotated[str, Field(max_length=MAX_TEXT)]
