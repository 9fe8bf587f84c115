"""Filters on the command line: `--where lang=en`, and JSON by `--filter`."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import pyarrow as pa
import typer

from seismic import FilterError, Index
from seismic.filters.columns import Column, column_of, columns_of, is_text
from seismic.filters.paths import UnknownKeyError
from seismic_tools.terminal.options import parse_json

RANGES = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}

FilterOption: TypeAlias = Annotated[
    str | None, typer.Option("--filter", help="Only documents that match this filter, as JSON.", show_default=False)
]
WhereOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only documents with lang=en, lang!=en, year>=2020 (also > <= <), or title~words; repeatable, all hold.",
        show_default=False,
    ),
]

_CONDITION = re.compile(r"([^=<>!~]+)(!=|>=|<=|=|>|<|~)(.*)", re.DOTALL)


def chosen_filter(index: Index, filter: str | None, where: Sequence[str] | None) -> dict[str, Any] | None:
    """Return the filter of --filter and all --where together, None without any. Raises QueryError and FilterError."""
    given = None if filter is None else parse_json("--filter", filter)
    if not where:
        return given
    kinds = columns_of(index.view.rules.schema)
    conditions = [_condition(text, kinds) for text in where]
    return {"must": [*([given] if given else []), *conditions]}


def _condition(text: str, kinds: dict[str, pa.DataType]) -> dict[str, Any]:
    """Return a condition as JSON."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise FilterError("expected column=value, or !=, >=, >, <=, < or ~ in place of =", f"--where {text}")
    key, operator, value = found[1].strip(), found[2], found[3].strip()
    try:
        column = column_of(key, kinds)
    except UnknownKeyError as error:
        raise FilterError(str(error), f"--where {text}") from None
    if operator in ("=", "!="):
        wanted = _value(text, column, value)
        equal = {"ids": [wanted]} if key == "id" else {"key": key, "match": {"value": wanted}}
        return equal if operator == "=" else {"must_not": [equal]}
    if operator == "~":
        if not is_text(column.element) or key == "id":
            raise FilterError(f"{column.words}, expected strings to look for words in", f"--where {text}")
        return {"key": key, "match": {"text": value}}
    if column.storage is None or key == "id":
        raise FilterError(f"{column.words}, expected numbers, dates or times to compare", f"--where {text}")
    return {"key": key, "range": {RANGES[operator]: _value(text, column, value)}}


def _value(text: str, column: Column, value: str) -> Any:
    """Return the value of a condition with the type of its column. Raises FilterError."""
    kind = column.element
    if pa.types.is_boolean(kind):
        if value.lower() not in ("true", "false"):
            raise FilterError(f"{column.words}, found '{value}', expected true or false", f"--where {text}")
        return value.lower() == "true"
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        raise FilterError(f"{column.words}, found '{value}', expected a number", f"--where {text}") from None
