"""The filter language, as JSON.

    {"must": [{"key": "lang", "match": {"value": "en"}}, {"key": "year", "range": {"gte": 2020}}],
     "should": [{"key": "tags", "match": {"any": ["numba", "arrow"]}}, {"exists": {"key": "licence"}}],
     "must_not": [{"ids": ["d7", "d8"]}]}

The names follow Qdrant. This module parses filters; `bind` checks them against a collection's columns.
"""

import json
import reprlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from seismic.conversion.numbers import as_plain
from seismic.errors import FilterError

MAX_DEPTH = 8
"""Largest nesting depth, the outermost filter included."""

MAX_CONDITIONS = 1024
"""Largest number of conditions, those of nested filters included."""

MAX_VALUES = 1 << 16
"""Largest number of values in all lists of a filter."""

CLAUSES = ("must", "should", "must_not")


def _by_type(expected: str, of: Callable[[Any], Any] = lambda value: value) -> Any:
    """Choose the branch of a union by the type of `of(value)`."""
    message = f"expected {expected}"
    return Discriminator(lambda value: type(of(value)).__name__, custom_error_type="type", custom_error_message=message)


def _first(values: Any) -> Any:
    """Return the value that decides the type of a list. An empty list counts as strings."""
    return (values[0] if values else "") if isinstance(values, list) else None


Bound: TypeAlias = Annotated[
    Annotated[int, Tag("int")]
    | Annotated[float, Field(allow_inf_nan=False), Tag("float")]
    | Annotated[str, Field(max_length=64), Tag("str")]
    | Annotated[None, Tag("NoneType")],
    _by_type("a number, a date or a time"),
    BeforeValidator(lambda bound: bound.isoformat() if isinstance(bound, date) else bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 64}, {"type": "null"}]}),
]
Integer: TypeAlias = Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]
Value: TypeAlias = Annotated[
    Annotated[str, Tag("str")] | Annotated[Integer, Tag("int")] | Annotated[bool, Tag("bool")],
    _by_type("a string, an integer or a boolean"),
]
Values: TypeAlias = Annotated[
    Annotated[list[str], Field(fail_fast=True), Tag("str")]
    | Annotated[list[Integer], Field(fail_fast=True), Tag("int")]
    | Annotated[list[bool], Field(fail_fast=True), Tag("bool")],
    _by_type("a list of strings, of integers or of booleans", _first),
]
Ids: TypeAlias = Annotated[
    Annotated[list[str], Field(fail_fast=True), Tag("str")]
    | Annotated[list[Integer], Field(fail_fast=True), Tag("int")],
    _by_type("a list of strings or of integers", _first),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class MatchValue(_Part):
    """A match of one value."""

    value: Value
    """A string, an integer or a boolean, as in the column."""


class MatchAny(_Part):
    """A match of any of several values."""

    any: Values
    """Strings, integers or booleans, as in the column."""


class Range(_Part):
    """At least one bound: a number, or an ISO 8601 date or time (UTC without an offset)."""

    gte: Bound = None
    """Greater than or equal."""
    gt: Bound = None
    """Greater than."""
    lte: Bound = None
    """Less than or equal."""
    lt: Bound = None
    """Less than."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        if self.gte is self.gt is self.lte is self.lt is None:
            raise PydanticCustomError("no_bounds", "expected at least one of gte, gt, lte and lt")
        return self


def _by_fields(*kinds: tuple[str, type[_Part]]) -> Any:
    """Choose the model of a JSON object by its field names, so that errors refer to the intended model."""
    models = {field: model.__name__ for field, model in kinds}

    def tag(part: Any) -> str | None:
        if isinstance(part, _Part):
            return type(part).__name__
        fields = part if isinstance(part, dict) else ()
        candidates = {models[field] for field in fields if field in models}
        return candidates.pop() if len(candidates) == 1 else None

    names = ", ".join(f"'{field}'" for field in models)
    message = f"expected an object with exactly one of {names}"
    return Discriminator(tag, custom_error_type="kind", custom_error_message=message)


AnyMatch: TypeAlias = Annotated[
    Annotated[MatchValue, Tag("MatchValue")] | Annotated[MatchAny, Tag("MatchAny")],
    _by_fields(("value", MatchValue), ("any", MatchAny)),
]


class Match(_Part):
    """Documents with a value in a column. A list column matches if one of its elements does."""

    key: str
    """Name of the column."""
    match: AnyMatch
    """The value or values."""


class InRange(_Part):
    """Documents with a number, date or time in a range."""

    key: str
    """Name of the column."""
    range: Range
    """The bounds."""


class Key(_Part):
    """A column."""

    key: str
    """Name of the column."""


class Exists(_Part):
    """Documents with a value in a column. A list must have an element that is not null."""

    exists: Key
    """The column."""


class IsNull(_Part):
    """Documents with null in a column. An empty list is not null."""

    is_null: Key
    """The column."""


class HasId(_Part):
    """Documents with one of several ids."""

    ids: Ids
    """Strings or integers, as in the collection. Unknown ids match nothing."""


class Filter(_Part):
    """Documents that match all conditions of `must`, at least one of `should` and none of `must_not`.

    Empty and missing clauses have no effect.
    """

    must: "list[Condition]" = Field(default_factory=list)
    """Conditions that must all match."""
    should: "list[Condition]" = Field(default_factory=list)
    """Conditions; at least one must match."""
    must_not: "list[Condition]" = Field(default_factory=list)
    """Conditions that must not match."""


Condition: TypeAlias = Annotated[
    Annotated[Match, Tag("Match")]
    | Annotated[InRange, Tag("InRange")]
    | Annotated[Exists, Tag("Exists")]
    | Annotated[IsNull, Tag("IsNull")]
    | Annotated[HasId, Tag("HasId")]
    | Annotated[Filter, Tag("Filter")],
    _by_fields(
        ("match", Match),
        ("range", InRange),
        ("exists", Exists),
        ("is_null", IsNull),
        ("ids", HasId),
        *((clause, Filter) for clause in CLAUSES),
    ),
]


def _check_size(content: Any) -> Any:
    """Check the size limits before parsing, so that the cost of a filter is bounded."""
    values = 0
    for conditions, (part, depth) in enumerate(_parts(content)):
        match = part.get("match")
        for listed in (part.get("ids"), match.get("any") if isinstance(match, dict) else None):
            if isinstance(listed, list):
                values += len(listed)
        for what, found, limit in (
            ("levels of conditions", depth, MAX_DEPTH),
            ("conditions", conditions, MAX_CONDITIONS),
            ("values", values, MAX_VALUES),
        ):
            if found > limit:
                raise PydanticCustomError("too_large", f"found more than {limit} {what}, expected at most {limit}")
    return content


def _parts(content: Any) -> Iterator[tuple[dict[Any, Any], int]]:
    """Yield a filter, its conditions and nested filters, each with its depth (1: the outermost)."""
    waiting = [(content, 1)]
    while waiting:
        part, depth = waiting.pop()
        if isinstance(part, dict):
            yield part, depth
            for clause in CLAUSES:
                if isinstance(inner := part.get(clause), list):
                    waiting += [(condition, depth + 1) for condition in inner]


AnyFilter: TypeAlias = Annotated[Filter, BeforeValidator(_check_size)]
"""A filter from a request, with size limits."""

FilterLike: TypeAlias = Mapping[str, Any] | Filter

_ADAPTER: TypeAdapter[Filter] = TypeAdapter(AnyFilter)


def parse_filter(content: FilterLike) -> Filter:
    """Parse a filter. Raises FilterError with the path of what is wrong."""
    if isinstance(content, Filter):
        return content
    try:
        return _ADAPTER.validate_python(as_plain(content))
    except ValidationError as error:
        first, *more = error.errors()
        raise _explain(content, first, len(more)) from None


def _explain(content: Any, problem: ErrorDetails, more: int) -> FilterError:
    path, node = "filter", content
    for part in problem["loc"]:  # parts that are not in the content name branches of a union
        if isinstance(part, int) and isinstance(node, list):
            path, node = f"{path}[{part}]", node[part]
        elif isinstance(node, Mapping) and part in node:
            path, node = path + _field(part), node[part]
    if problem["type"] == "missing":
        path = f"{path}.{problem['loc'][-1]}"
    message = _WORDS.get(problem["type"], problem["msg"])
    if problem["type"] not in ("missing", "extra_forbidden", "too_large"):
        message += f" (found {_SHORT.repr(problem['input'])})"
    others = f" (and {more} more problems)" if more else ""
    return FilterError(f"{message[:1].lower()}{message[1:]}{others}", path)


def _field(name: Any) -> str:
    plain = isinstance(name, str) and name.isidentifier()
    return f".{name}" if plain else f"[{json.dumps(name)}]"


_SHORT = reprlib.Repr()  # limits length and depth

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "unknown field",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "list_type": "expected a list",
}
