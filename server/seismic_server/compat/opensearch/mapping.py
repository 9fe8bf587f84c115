"""Mappings of OpenSearch as fields and columns of a collection, and back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from seismic.conversion.plain import excerpt
from seismic.filters.columns import element_of, is_point
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields, visible
from seismic_server.compat.payload import ID, column_of

TYPES: dict[str, pa.DataType] = {
    "keyword": pa.string(),
    "text": pa.large_string(),  # told from keywords by the type of its column
    "long": pa.int64(),
    "integer": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "unsigned_long": pa.uint64(),
    "double": pa.float64(),
    "float": pa.float32(),
    "half_float": pa.float16(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us", "UTC"),
}
"""Types of ordinary fields, and of their columns."""

SPARSE = ("rank_features", "sparse_vector")
MOST_LEVELS = 20

_OPTIONS = frozenset({"type", "index", "store", "doc_values", "null_value", "norms", "analyzer", "search_analyzer"})
_IGNORED = _OPTIONS | {"ignore_above", "format", "boost", "similarity", "index_options", "positive_score_impact"}
"""Options of fields that change nothing here. What a text is analysed for, full-text queries, is refused."""

_NAMES = {kind: name for name, kind in TYPES.items()}


class Wanted(NamedTuple):
    """What a mapping asks for: options of the fields of sparse vectors, and types of columns."""

    fields: dict[str, dict[str, Any]]
    columns: dict[str, pa.DataType]


def parse_index(body: Mapping[str, Any]) -> Wanted:
    """Return what the body of a new index asks for. Raises RefusedError."""
    for name, value in body.items():
        if name not in ("settings", "mappings") and not (name == "aliases" and value == {}):
            raise RefusedError(f"create index: field '{name}' is not supported, expected settings and mappings")
    _check_settings(body.get("settings") or {})
    wanted = parse_mapping(body.get("mappings") or {})
    if not wanted.fields:
        expected = "expected at least one field of type rank_features or sparse_vector"
        raise RefusedError(f"mappings: found no field of sparse vectors, {expected}", "mapper_parsing_exception")
    return wanted


def parse_mapping(mapping: Any) -> Wanted:
    """Return what a mapping asks for. Raises RefusedError."""
    if not isinstance(mapping, dict):
        raise _wrong(f"mappings: found {excerpt(mapping)}, expected an object")
    for name, value in mapping.items():
        if name not in ("properties", "dynamic"):
            raise _wrong(f"mappings: field '{name}' is not supported, expected properties")
        if name == "dynamic" and value is not True and value != "true":
            raise _wrong(f"mappings: dynamic: found {excerpt(value)}, expected true: documents may bring new fields")
    wanted = Wanted({}, {})
    _add_properties("", mapping.get("properties") or {}, wanted, MOST_LEVELS)
    return wanted


def to_mapping(fields: Fields) -> dict[str, Any]:
    """Return the mapping of an index."""
    properties: dict[str, Any] = {name: {"type": kind} for name, kind in fields.vectors.items()}
    for column in visible(fields.columns):
        name = "id" if column == ID else column
        _place(properties, name.split("."), _shown(fields.columns[column]))
    return {"properties": properties}


def _add_properties(prefix: str, properties: Any, wanted: Wanted, levels: int) -> None:
    if not isinstance(properties, dict) or levels == 0:
        raise _wrong(f"mappings: {prefix or 'properties'}: found {excerpt(properties)}, expected fields by name")
    for name, content in properties.items():
        path = f"{prefix}{name}"
        if not isinstance(content, dict):
            raise _wrong(f"mappings: field '{path}': found {excerpt(content)}, expected an object")
        kind = content.get("type", "object")
        if kind == "object":
            if unknown := [key for key in content if key not in ("type", "properties", "dynamic", "enabled")]:
                raise _wrong(f"mappings: field '{path}': option '{unknown[0]}' is not supported")
            _add_properties(f"{path}.", content.get("properties") or {}, wanted, levels - 1)
        elif kind in SPARSE:
            _add_vector(path, kind, content, wanted)
        elif kind in TYPES:
            _check_options(path, content)
            wanted.columns[column_of(path)] = TYPES[kind]
        else:
            raise _wrong(f"mappings: field '{path}': {_unsupported(kind)}")


def _add_vector(path: str, kind: str, content: Mapping[str, Any], wanted: Wanted) -> None:
    if "." in path:
        raise _wrong(f"mappings: field '{path}': found sparse vectors inside an object, expected them at the top")
    if unknown := [key for key in content if key not in ("type", "method", "index", "positive_score_impact")]:
        raise _wrong(f"mappings: field '{path}': option '{unknown[0]}' is not supported")
    if content.get("positive_score_impact", True) is not True:
        raise _wrong(f"mappings: field '{path}': found positive_score_impact false, expected true")
    wanted.fields[path] = {} if kind == "sparse_vector" else {"vocabulary": []}


def _check_options(path: str, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        if name == "fields":
            if not isinstance(value, dict) or any(
                key != "keyword" or not isinstance(one, dict) or one.get("type") != "keyword"
                for key, one in value.items()
            ):
                raise _wrong(f"mappings: field '{path}': found fields {excerpt(value)}, expected only 'keyword'")
        elif name == "null_value" or name not in _IGNORED:
            raise _wrong(f"mappings: field '{path}': option '{name}' is not supported")


def _unsupported(kind: Any) -> str:
    if kind in ("knn_vector", "dense_vector"):
        return f"found type {kind}; dense vectors are not supported, expected rank_features or sparse_vector"
    return f"found type {excerpt(kind)}, expected one of {', '.join([*SPARSE, 'object', *TYPES])}"


def _check_settings(settings: Any) -> None:
    """Raise RefusedError for settings that change documents or queries; those of shards, storage and refresh do not."""
    if not isinstance(settings, dict):
        raise RefusedError(f"settings: found {excerpt(settings)}, expected an object")
    index = settings.get("index")
    for name in [*settings, *(index if isinstance(index, dict) else ())]:
        short = name.removeprefix("index.")
        if short in ("default_pipeline", "final_pipeline", "search.default_pipeline", "search", "analysis", "sort"):
            raise RefusedError(f"settings: '{short}' is not supported: it changes documents or queries")


def _place(properties: dict[str, Any], path: list[str], content: dict[str, Any]) -> None:
    """Put the mapping of a field below its objects."""
    for name in path[:-1]:
        properties = properties.setdefault(name, {}).setdefault("properties", {})
    properties.setdefault(path[-1], {}).update(content)


def _shown(kind: pa.DataType) -> dict[str, Any]:
    """Return the mapping of a column."""
    element = element_of(kind)
    if is_point(element):
        return {"type": "geo_point"}
    if pa.types.is_struct(element):
        return {"properties": {field.name: _shown(field.type) for field in element}}
    if pa.types.is_timestamp(element) or pa.types.is_date(element):
        return {"type": "date"}
    return {"type": _NAMES.get(element, "keyword")}


def _wrong(reason: str) -> RefusedError:
    return RefusedError(reason, "mapper_parsing_exception")
