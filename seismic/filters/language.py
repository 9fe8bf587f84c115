"""The filter language, as JSON.

    {"must": [{"lang": "en"}, {"key": "year", "range": {"gte": 2020}}],
     "should": [{"key": "tags", "match": {"any": ["numba", "arrow"]}}, {"exists": {"key": "licence"}}],
     "must_not": [{"ids": ["d7", "d8"]}]}

The names follow Qdrant. `parse` reads filters; `bind` checks them against a collection's columns.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator
from pydantic_core import PydanticCustomError

from seismic.filters.scalars import Bound, Ids, Text, Value, Values

CLAUSES = ("must", "should", "must_not")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class MatchValue(_Part):
    """A match of one value."""

    value: Value
    """A string, number or boolean, as in the column. Dates, times and durations are ISO 8601 text."""


class MatchAny(_Part):
    """A match of any of several values."""

    any: Values
    """Strings, numbers or booleans, as for `value`."""


class MatchPrefix(_Part):
    """A match of the start of a string."""

    prefix: Text
    """Characters that the string starts with, in this case."""


class MatchSubstring(_Part):
    """A match of a part of a string."""

    substring: Text
    """Characters that occur in the string, in this case."""


class MatchText(_Part):
    """A full-text match."""

    text: Text
    """Words that all occur in the string, in any order and case. A word is a run of letters, digits, marks and
    underscores."""


class Range(_Part):
    """At least one bound: a number, or an ISO 8601 date, time or duration (UTC without an offset)."""

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


class Point(_Part):
    """A point on Earth, in degrees."""

    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    """Latitude."""
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    """Longitude."""


class Circle(_Part):
    """A circle on Earth."""

    center: Point
    """Its centre."""
    radius: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Metres from the centre, along a great circle of a sphere."""


class Box(_Part):
    """A box on Earth. It crosses the date line if its left side is east of its right side."""

    top_left: Point
    """The north-west corner."""
    bottom_right: Point
    """The south-east corner."""

    @model_validator(mode="after")
    def _is_upright(self) -> Self:
        top, bottom = self.top_left.lat, self.bottom_right.lat
        if top < bottom:
            message = "found top_left at latitude {top} and bottom_right at {bottom}, expected the top above the bottom"
            raise PydanticCustomError("box", message, {"top": top, "bottom": bottom})
        return self


def _by_fields(
    kinds: dict[str, type[_Part]], tag_other: Callable[[dict[Any, Any]], str | None] | None = None, others: str = ""
) -> Any:
    """Choose the model of a JSON object by its field names, so that errors refer to the intended model.

    `tag_other` chooses the tag of an object without any of the fields.
    """
    names = {field: model.__name__ for field, model in kinds.items()}

    def tag(part: Any) -> Any:
        if isinstance(part, BaseModel):
            return type(part).__name__
        if not isinstance(part, dict):
            return None
        candidates = {names[field] for field in part if field in names}
        if not candidates:
            return tag_other(part) if tag_other else None
        return candidates.pop() if len(candidates) == 1 else None

    listed = ", ".join(f"'{field}'" for field in names)
    message = f"expected an object with {others}exactly one of {listed}"
    return Discriminator(tag, custom_error_type="kind", custom_error_message=message)


AnyMatch: TypeAlias = Annotated[
    Annotated[MatchValue, Tag("MatchValue")]
    | Annotated[MatchAny, Tag("MatchAny")]
    | Annotated[MatchPrefix, Tag("MatchPrefix")]
    | Annotated[MatchSubstring, Tag("MatchSubstring")]
    | Annotated[MatchText, Tag("MatchText")],
    _by_fields(
        {
            "value": MatchValue,
            "any": MatchAny,
            "prefix": MatchPrefix,
            "substring": MatchSubstring,
            "text": MatchText,
        }
    ),
]


class Match(_Part):
    """Documents with a value in a column. A list column matches if one of its elements does."""

    key: str
    """Name of the column; dots lead into structs."""
    match: AnyMatch
    """The value or values."""


class InRange(_Part):
    """Documents with a number, date, time or duration in a range."""

    key: str
    """Name of the column; dots lead into structs."""
    range: Range
    """The bounds."""


class GeoRadius(_Part):
    """Documents with a point in a circle. The column holds structs with `lat` and `lon`."""

    key: str
    """Name of the column; dots lead into structs."""
    geo_radius: Circle
    """The circle."""


class GeoBox(_Part):
    """Documents with a point in a box. The column holds structs with `lat` and `lon`."""

    key: str
    """Name of the column; dots lead into structs."""
    geo_bounding_box: Box
    """The box, sides included."""


class Key(_Part):
    """A column."""

    key: str
    """Name of the column; dots lead into structs."""


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


FIELDS: dict[str, type[_Part]] = {
    "match": Match,
    "range": InRange,
    "geo_radius": GeoRadius,
    "geo_bounding_box": GeoBox,
    "exists": Exists,
    "is_null": IsNull,
    "ids": HasId,
    **dict.fromkeys(CLAUSES, Filter),
}
"""Field -> the condition that has it."""

KEYWORDS = frozenset({"key", *FIELDS})
"""Fields of conditions. Any other field is a column, with the values that match."""


def _kind_of_equal(wanted: Any) -> str:
    return {"NoneType": "null", "list": "list", "dict": "dict"}.get(type(wanted).__name__, "value")


class Equals(RootModel[Any]):
    """Documents whose columns all have a value, or one of a list of values; null asks for no value.

    Columns with the name of a keyword need `key` and `match`.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        json_schema_extra={"minProperties": 1, "propertyNames": {"not": {"enum": [*sorted(KEYWORDS)]}}},
    )

    root: dict[
        str,
        Annotated[
            Annotated[Value, Tag("value")] | Annotated[Values, Tag("list")] | Annotated[None, Tag("null")],
            Discriminator(
                _kind_of_equal,
                custom_error_type="type",
                custom_error_message=(
                    "expected a value, a list of values or null; other conditions have the form "
                    '{"key": ..., "range": ...}'
                ),
            ),
        ],
    ]
    """Column -> value, or list of values."""


def _tag_other(part: dict[Any, Any]) -> str | None:
    return "Equals" if part and not part.keys() & KEYWORDS else None


def _tag_outermost(part: dict[Any, Any]) -> str | None:
    return _tag_other(part) if part else "Filter"


_AnyCondition: TypeAlias = (
    Annotated[Match, Tag("Match")]
    | Annotated[InRange, Tag("InRange")]
    | Annotated[GeoRadius, Tag("GeoRadius")]
    | Annotated[GeoBox, Tag("GeoBox")]
    | Annotated[Exists, Tag("Exists")]
    | Annotated[IsNull, Tag("IsNull")]
    | Annotated[HasId, Tag("HasId")]
    | Annotated[Filter, Tag("Filter")]
    | Annotated[Equals, Tag("Equals")]
)
Condition: TypeAlias = Annotated[_AnyCondition, _by_fields(FIELDS, _tag_other, "columns and their values, or ")]
Outermost: TypeAlias = Annotated[_AnyCondition, _by_fields(FIELDS, _tag_outermost, "columns and their values, or ")]
"""A filter: any condition, or nothing."""

FilterLike: TypeAlias = Mapping[str, Any] | BaseModel
"""A filter as JSON, or one of the conditions above."""
