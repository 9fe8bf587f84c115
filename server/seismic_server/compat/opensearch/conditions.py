"""Queries of OpenSearch that only say yes or no, as filters of the engine."""

from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.errors import RefusedError
from seismic_server.compat.opensearch.fields import Fields
from seismic_server.compat.opensearch.leaves import LEAVES, boost_of, check_keys, parsing

MAX_DEPTH = 20
"""Deepest nesting of `bool`, as in OpenSearch."""

_FULL_TEXT = frozenset(
    {
        "match",
        "match_phrase",
        "match_phrase_prefix",
        "match_bool_prefix",
        "multi_match",
        "combined_fields",
        "query_string",
        "simple_query_string",
        "common",
        "intervals",
        "more_like_this",
    }
)
_DENSE = frozenset({"knn", "neural", "hybrid"})
_SCORING = frozenset(
    {
        "script_score",
        "function_score",
        "boosting",
        "dis_max",
        "rank_feature",
        "distance_feature",
        "script",
        "percolate",
        "agentic",
        "template",
    }
)


class Bool(NamedTuple):
    """The clauses of a `bool` query. ``least``: the number of `should` clauses that must match."""

    must: list[Any]
    filter: list[Any]
    should: list[Any]
    must_not: list[Any]
    least: int
    boost: float


def kind_of(query: Any) -> tuple[str, Any]:
    """Return the kind of a query and its content."""
    if not isinstance(query, dict) or len(query) != 1:
        raise parsing(f"found {excerpt(query)}, expected an object with one query, such as {{'term': ...}}")
    return next(iter(query.items()))


def unsupported(kind: str) -> RefusedError:
    """Return the error of a query that is not supported, in words."""
    if kind in _FULL_TEXT:
        return parsing(
            f"[{kind}]: full-text queries are not supported; use neural_sparse with query_tokens or query_text, or term"
        )
    if kind in _DENSE:
        return parsing(f"[{kind}]: dense vectors are not supported; use neural_sparse")
    if kind in _SCORING:
        return parsing(f"[{kind}]: scores other than those of neural_sparse are not supported")
    return parsing(f"unknown or unsupported query [{kind}]; expected neural_sparse, bool, {', '.join(LEAVES)}")


def to_filter(query: Any, fields: Fields, depth: int = 0) -> dict[str, Any]:
    """Return the filter of the documents that a query matches. Raises RefusedError."""
    kind, content = kind_of(query)
    if depth > MAX_DEPTH:
        raise parsing(f"[{kind}]: found more than {MAX_DEPTH} levels of queries, expected fewer")
    if kind == "bool":
        return bool_filter(to_bool(content), fields, depth)
    if kind == "constant_score":
        return to_filter(inner_filter(content), fields, depth + 1)
    if kind == "neural_sparse":
        raise parsing("[neural_sparse]: found in a filter, expected it as the query or in its must or should")
    if kind not in LEAVES:
        raise unsupported(kind)
    found: dict[str, Any] = LEAVES[kind](content, fields)
    return found


def to_bool(content: Any) -> Bool:
    """Return the clauses of a `bool` query. Raises RefusedError."""
    check_keys("bool", content, "must", "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative")
    clauses = {name: _listed(name, content.get(name)) for name in ("must", "filter", "should", "must_not")}
    default = 1 if clauses["should"] and not (clauses["must"] or clauses["filter"]) else 0
    least = _least(content.get("minimum_should_match"), len(clauses["should"]), default)
    return Bool(**clauses, least=least, boost=boost_of("bool", content))


def bool_filter(wanted: Bool, fields: Fields, depth: int) -> dict[str, Any]:
    """Return the filter of a `bool` query whose clauses only say yes or no."""

    def inner(clauses: list[Any]) -> list[dict[str, Any]]:
        return [to_filter(clause, fields, depth + 1) for clause in clauses]

    must, should, must_not = inner([*wanted.must, *wanted.filter]), inner(wanted.should), inner(wanted.must_not)
    if wanted.least and wanted.least == len(should):
        must, should = must + should, []
    found: dict[str, Any] = {"must": must}
    if wanted.least:
        found["should"] = should
    if must_not:
        found["must_not"] = must_not
    return must[0] if found == {"must": must} and len(must) == 1 else found


def inner_filter(content: Any) -> Any:
    """Return the filter of a `constant_score` query."""
    check_keys("constant_score", content, "filter")
    if "filter" not in content:
        raise parsing("[constant_score]: 'filter' is missing")
    return content["filter"]


def _listed(name: str, clauses: Any) -> list[Any]:
    if clauses is None:
        return []
    if not isinstance(clauses, list | dict):
        raise parsing(f"[bool]: field '{name}': found {excerpt(clauses)}, expected a query or a list of queries")
    return clauses if isinstance(clauses, list) else [clauses]


def _least(wanted: Any, clauses: int, default: int) -> int:
    if wanted is None:
        return default
    try:
        least = int(wanted)
    except (TypeError, ValueError):
        least = -1
    if isinstance(wanted, bool | float) or least not in (0, 1, clauses):
        expected = "expected 0, 1 or the number of clauses in should"
        raise parsing(f"[bool]: field 'minimum_should_match': found {excerpt(wanted)}, {expected}")
    return least
