"""The language of filters, as JSON.

    {"must": [{"key": "lang", "match": {"value": "en"}}, {"key": "year", "range": {"gte": 2020}}],
     "should": [{"key": "tags", "match": {"any": ["numba", "arrow"]}}, {"exists": {"key": "licence"}}],
     "must_not": [{"ids": ["d7", "d8"]}]}

The names are those of Qdrant. Here filters are parsed; `bind` checks them against a collection's columns.
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

from seismic.errors import FilterError

MAX_DEPTH = 8
"""Levels of a filter: itself, the conditions in it, the conditions in those."""

MAX_CONDITIONS = 1024
"""Conditions of a filter, those of filters within it included."""

MAX_VALUES = 1 << 16
"""Values of all lists of a filter together."""

CLAUSES = ("must", "should", "must_not")


def _by_type(expected: str, of: Callable[[Any], Any] = lambda value: value) -> Any:
    """Which branch of a union a value is meant for, by its type; `of` takes from it what has that type."""
    message = f"expected {expected}"
    return Discriminator(lambda value: type(of(value)).__name__, custom_error_type="type", custom_error_message=message)


def _first(values: Any) -> Any:
    """Decides what a list is a list of; an empty one may be of strings."""
    return (values[0] if values else "") if isinstance(values, list) else None


Bound: TypeAlias = Annotated[
    Annotated[int, Tag("int")]
    | Annotated[float, Field(allow_inf_nan=False), Tag("float")]
    | Annotated[str, Field(max_length=64), Tag("str")]
    | Annotated[None, Tag("NoneType")],
    _by_type("a number, a date or a time"),
    BeforeValidator(lambda bound: bound.isoformat() if isinstance(bound, date) else bound),  # in Python
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
    """One value."""

    value: Value
    """A string, an integer or a boolean, as the column has them."""


class MatchAny(_Part):
    """One of several values."""

    any: Values
    """Strings, integers or booleans, as the column has them."""


class Range(_Part):
    """What lies between bounds; at least one is given. Numbers, or dates and times as ISO 8601, UTC if they say
    nothing else."""

    gte: Bound = None
    """At least."""
    gt: Bound = None
    """More than."""
    lte: Bound = None
    """At most."""
    lt: Bound = None
    """Less than."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        if self.gte is self.gt is self.lte is self.lt is None:
            raise PydanticCustomError("no_bounds", "expected at least one of gte, gt, lte and lt")
        return self


def _by_fields(*kinds: tuple[str, type[_Part]]) -> Any:
    """Which model a JSON object is meant for, by its field names, so that errors speak of what was meant."""

    models = {field: model.__name__ for field, model in kinds}

    def tag(part: Any) -> str | None:
        if isinstance(part, _Part):
            return type(part).__name__
        fields = part if isinstance(part, dict) else ()
        meant = {models[field] for field in fields if field in models}
        return meant.pop() if len(meant) == 1 else None

    names = ", ".join(f"'{field}'" for field in models)
    message = f"expected an object with exactly one of {names}"
    return Discriminator(tag, custom_error_type="kind", custom_error_message=message)


AnyMatch: TypeAlias = Annotated[
    Annotated[MatchValue, Tag("MatchValue")] | Annotated[MatchAny, Tag("MatchAny")],
    _by_fields(("value", MatchValue), ("any", MatchAny)),
]


class Match(_Part):
    """Documents whose column has a value; a list column has each value of its list."""

    key: str
    """The column."""
    match: AnyMatch
    """What it has."""


class InRange(_Part):
    """Documents whose column has a number, a date or a time within bounds."""

    key: str
    """The column."""
    range: Range
    """The bounds."""


class Key(_Part):
    """A column."""

    key: str
    """Its name."""


class Exists(_Part):
    """Documents that have something in a column: a value or, of lists, at least one that is not null."""

    exists: Key
    """The column."""


class IsNull(_Part):
    """Documents whose column is null. An empty list is not."""

    is_null: Key
    """The column."""


class HasId(_Part):
    """Documents of these ids."""

    ids: Ids
    """Strings or integers, as the collection's are. Those that are not there match nothing."""


class Filter(_Part):
    """Documents that meet all conditions of `must`, at least one of `should` and none of `must_not`; a clause that is
    empty or left out asks for nothing."""

    must: "list[Condition]" = Field(default_factory=list)
    """All of these."""
    should: "list[Condition]" = Field(default_factory=list)
    """At least one of these."""
    must_not: "list[Condition]" = Field(default_factory=list)
    """None of these."""


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
    """Before anything else looks at a filter: what it may cost is bounded."""
    values = 0
    for conditions, (part, depth) in enumerate(_parts(content)):
        match = part.get("match")
        for some in (part.get("ids"), match.get("any") if isinstance(match, dict) else None):
            if isinstance(some, list):
                values += len(some)
        for what, found, most in (
            ("levels of conditions", depth, MAX_DEPTH),
            ("conditions", conditions, MAX_CONDITIONS),
            ("values", values, MAX_VALUES),
        ):
            if found > most:
                raise PydanticCustomError("too_large", f"found more than {most} {what}, which is the most allowed")
    return content


def _parts(content: Any) -> Iterator[tuple[dict[Any, Any], int]]:
    """The filters and conditions of a filter, itself included, each with the filters around it."""
    waiting = [(content, 1)]
    while waiting:
        part, depth = waiting.pop()
        if isinstance(part, dict):
            yield part, depth
            for clause in CLAUSES:
                if isinstance(some := part.get(clause), list):
                    waiting += [(inner, depth + 1) for inner in some]


AnyFilter: TypeAlias = Annotated[Filter, BeforeValidator(_check_size)]
"""A filter as it comes from outside."""

FilterLike: TypeAlias = Mapping[str, Any] | Filter

_ADAPTER: TypeAdapter[Filter] = TypeAdapter(AnyFilter)


def parse_filter(content: FilterLike) -> Filter:
    """A `Filter` from a dict. FilterError names the path of what is wrong."""
    if isinstance(content, Filter):
        return content
    try:
        return _ADAPTER.validate_python(dict(content) if isinstance(content, Mapping) else content)
    except ValidationError as error:
        first, *more = error.errors()
        raise _explain(content, first, len(more)) from None


def _explain(content: Any, problem: ErrorDetails, more: int) -> FilterError:
    path, node = "filter", content
    for part in problem["loc"]:  # parts that the content does not have name branches of a union
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


_SHORT = reprlib.Repr()  # whatever was found may be long, and deep

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "unknown field",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "list_type": "expected a list",
}
