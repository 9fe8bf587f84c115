"""Parse filters, with limits on their size and errors that name the place."""

import json
import reprlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from seismic.conversion.numbers import as_plain
from seismic.errors import FilterError
from seismic.filters.language import CLAUSES, KEYWORDS, Condition, FilterLike, Outermost

MAX_DEPTH = 8
"""Largest nesting depth, the outermost filter included."""

MAX_CONDITIONS = 1024
"""Largest number of conditions, those of nested filters included."""

MAX_VALUES = 1 << 16
"""Largest number of values in all lists of a filter."""


def _check_size(content: Any) -> Any:
    """Check the size limits before parsing, so that the cost of a filter is bounded."""
    values, conditions = 0, -1
    for part, depth in _parts(content):
        short = not part.keys() & KEYWORDS
        conditions += max(1, len(part)) if short else 1
        match = part.get("match")
        lists = part.values() if short else (part.get("ids"), match.get("any") if isinstance(match, dict) else None)
        for listed in lists:
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


AnyFilter: TypeAlias = Annotated[Outermost, BeforeValidator(_check_size)]
"""A filter from a request, with size limits."""

_ADAPTER: TypeAdapter[Condition] = TypeAdapter(AnyFilter)


def parse_filter(content: FilterLike) -> Condition:
    """Parse a filter. Raises FilterError with the path of what is wrong."""
    try:
        return _ADAPTER.validate_python(content if isinstance(content, BaseModel) else as_plain(content))
    except ValidationError as error:
        first, *more = error.errors()
        raise _explain(content, first, len(more)) from None


def _explain(content: Any, problem: ErrorDetails, more: int) -> FilterError:
    path, node, parent = "filter", content, None
    for part in problem["loc"]:  # parts that are not in the content name branches of a union
        if isinstance(part, int) and isinstance(node, list | tuple):
            path, node, parent = f"{path}[{part}]", node[part], node
        elif isinstance(node, Mapping) and part in node:
            path, node, parent = path + field_path(part), node[part], node
    if problem["type"] == "missing":
        path = f"{path}.{problem['loc'][-1]}"
    words = _WORDS.get(problem["type"])
    message = words.format(**problem.get("ctx", {})) if words else problem["msg"]
    if problem["type"] == "extra_forbidden" and isinstance(parent, Mapping) and parent.keys() & set(CLAUSES):
        message += '; to match a column, add {"column": value} to must'
    if problem["type"] not in ("missing", "extra_forbidden", "too_large", "box"):
        message += f" (found {_SHORT.repr(problem['input'])})"
    others = f" (and {more} more problems)" if more else ""
    return FilterError(f"{message[:1].lower()}{message[1:]}{others}", path)


def field_path(name: Any) -> str:
    """Return a field as the continuation of a path."""
    plain = isinstance(name, str) and name.isidentifier()
    return f".{name}" if plain else f"[{json.dumps(name)}]"


_SHORT = reprlib.Repr()  # limits length and depth

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "unknown field",
    "model_type": "expected an object",
    "model_attributes_type": "expected an object",
    "list_type": "expected a list",
    "string_too_long": "expected at most {max_length} characters",
}
