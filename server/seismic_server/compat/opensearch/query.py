"""The query of a search: at most one sparse query that scores, and a filter."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from seismic.conversion.plain import excerpt
from seismic_server.compat.opensearch.conditions import (
    MAX_DEPTH,
    Bool,
    inner_filter,
    kind_of,
    to_bool,
    to_filter,
)
from seismic_server.compat.opensearch.fields import Fields
from seismic_server.compat.opensearch.leaves import EVERYTHING, boost_of, parsing

METHOD_PARAMETERS = ("k", "top_n", "heap_factor")
"""Parameters of their approximate search, which are checked and ignored: answers are exact."""


class Parsed(NamedTuple):
    """A query: ``sparse`` has the queries whose scores add up, by field, each as `tokens` or `text`; without one, every
    hit has `score`.

    ``filter`` restricts it. ``scale`` multiplies the scores of a sparse query.
    """

    sparse: dict[str, dict[str, Any]] | None = None
    filter: dict[str, Any] | None = None
    score: float = 1.0
    scale: float = 1.0


def parse(query: Any, fields: Fields, *, scored: bool = True, depth: int = 0) -> Parsed:
    """Return a query of a search; `scored`: hits are ordered by score. Raises RefusedError."""
    if query is None:
        return Parsed()
    kind, content = kind_of(query)
    if depth > MAX_DEPTH:
        raise parsing(f"[{kind}]: found more than {MAX_DEPTH} levels of queries, expected fewer")
    if kind == "neural_sparse":
        return _neural_sparse(content, fields)
    if kind == "bool":
        return _bool(to_bool(content), fields, scored, depth)
    if kind == "match_all":
        to_filter(query, fields)
        return Parsed(score=boost_of(kind, content))
    if kind == "constant_score":
        return Parsed(filter=to_filter(inner_filter(content), fields, depth), score=boost_of(kind, content))
    return Parsed(filter=to_filter(query, fields, depth), score=_boost_of_leaf(kind, content))


def _boost_of_leaf(kind: str, content: Any) -> float:
    inner = next((value for name, value in content.items() if name != "boost" and isinstance(value, dict)), content)
    return boost_of(kind, inner) if isinstance(inner, Mapping) else 1.0


def _bool(wanted: Bool, fields: Fields, scored: bool, depth: int) -> Parsed:
    must = [(clause, _is_sparse(clause)) for clause in wanted.must]
    sparse = [parse(clause, fields, depth=depth + 1) for clause, found in must if found]
    filters = [to_filter(clause, fields, depth + 1) for clause, found in must if not found]
    filters += [to_filter(clause, fields, depth + 1) for clause in wanted.filter]
    refused = [to_filter(clause, fields, depth + 1) for clause in wanted.must_not]
    if len(sparse) > 1:
        raise parsing("[bool]: found several neural_sparse queries in must, expected one; add up those in should")
    if any(map(_is_sparse, wanted.should)):
        if sparse:
            raise parsing("[bool]: found neural_sparse in must and in should, expected it in one of them")
        sparse = [_added(wanted, fields, depth)]
    elif wanted.should:
        filters += _required(wanted, fields, scored, bool(sparse), depth)
    one = sparse[0] if sparse else Parsed(score=1.0 if wanted.must or wanted.should else 0.0)
    filters += [one.filter] if one.filter else []
    return one._replace(
        filter=_joined(filters, refused), score=one.score * wanted.boost, scale=one.scale * wanted.boost
    )


def _is_sparse(clause: Any) -> bool:
    """Return whether a clause, or one in it, is a sparse query that scores."""
    waiting = [(clause, 0)]
    while waiting:
        one, depth = waiting.pop()
        if not isinstance(one, dict) or depth > MAX_DEPTH:
            continue
        if "neural_sparse" in one:
            return True
        inner: Any = one.get("bool")
        for name in ("must", "should") if isinstance(inner, dict) else ():
            listed = inner.get(name)
            waiting += [(each, depth + 1) for each in (listed if isinstance(listed, list) else [listed])]
    return False


def _added(wanted: Bool, fields: Fields, depth: int) -> Parsed:
    """Return the sum of the sparse queries in `should`: inner products add up, so their weights do."""
    if wanted.least != 1:
        remedy = "give minimum_should_match 1, or put neural_sparse into must"
        raise parsing(f"[bool]: neural_sparse in should beside must or filter would be optional; {remedy}")
    if not all(isinstance(clause, dict) and "neural_sparse" in clause for clause in wanted.should):
        raise parsing("[bool]: found other queries beside neural_sparse in should, expected them in filter")
    parts = [parse(clause, fields, depth=depth + 1) for clause in wanted.should]
    if len(parts) == 1:
        return parts[0]
    if any(part.filter for part in parts):
        raise parsing("[bool]: found a filter in one of several neural_sparse queries, expected it in bool's filter")
    total: dict[str, dict[str, Any]] = {}
    for part in parts:
        assert part.sparse is not None
        ((field, query),) = part.sparse.items()
        if "tokens" not in query:
            raise parsing("[bool]: found query_text in one of several neural_sparse queries, expected query_tokens")
        tokens: dict[str, float] = total.setdefault(field, {"tokens": {}})["tokens"]
        for token, weight in query["tokens"].items():
            tokens[token] = tokens.get(token, 0.0) + weight * part.scale
    return Parsed(total)


def _required(wanted: Bool, fields: Fields, scored: bool, sparse: bool, depth: int) -> list[dict[str, Any]]:
    """Return the filter of `should` clauses without a sparse query; where they would only rank hits, refuse them."""
    if scored and (sparse or wanted.least == 0 or len(wanted.should) > 1):
        remedy = "put it into a bool in filter, or sort by a field"
        raise parsing(f"[bool]: should ranks hits by the clauses that they match, which is not supported; {remedy}")
    inner = [to_filter(clause, fields, depth + 1) for clause in wanted.should]
    if wanted.least == 0:
        return []
    return inner if wanted.least == len(inner) else [{"should": inner}]


def _joined(filters: list[dict[str, Any]], refused: list[dict[str, Any]]) -> dict[str, Any] | None:
    filters = [one for one in filters if one != EVERYTHING]
    if not (filters or refused):
        return None
    if len(filters) == 1 and not refused:
        return filters[0]
    return {"must": filters, **({"must_not": refused} if refused else {})}


def _neural_sparse(content: Any, fields: Fields) -> Parsed:
    if not isinstance(content, dict) or len(content) != 1:
        raise parsing(f"[neural_sparse]: found {excerpt(content)}, expected an object with one field")
    name, wanted = next(iter(content.items()))
    if name not in fields.vectors:
        raise parsing(f"[neural_sparse]: found field '{name}', expected {fields.listed}, of sparse vectors")
    known = ("query_tokens", "query_text", "model_id", "analyzer", "max_token_score", "boost", "method_parameters")
    if not isinstance(wanted, dict) or (unknown := [key for key in wanted if key not in known]):
        found = f"field '{unknown[0]}'" if isinstance(wanted, dict) else excerpt(wanted)
        raise parsing(f"[neural_sparse]: found {found}, expected {', '.join(known)}")
    filter = _method_parameters(wanted.get("method_parameters"), fields)
    given = [key for key in ("query_tokens", "query_text") if wanted.get(key) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        raise parsing(f"[neural_sparse]: found {found}, expected either query_tokens or query_text")
    scale = boost_of("neural_sparse", wanted)
    if given == ["query_tokens"]:
        if model := next((key for key in ("model_id", "analyzer") if wanted.get(key)), None):
            raise parsing(f"[neural_sparse]: found query_tokens and {model}, expected only one of both")
        return Parsed({name: {"tokens": _tokens(wanted["query_tokens"])}}, filter, scale=scale)
    if not isinstance(wanted["query_text"], str):
        raise parsing(f"[neural_sparse]: field 'query_text': found {excerpt(wanted['query_text'])}, expected a text")
    _check_encoder(name, wanted, fields)
    return Parsed({name: {"text": wanted["query_text"]}}, filter, scale=scale)


def _check_encoder(name: str, wanted: Mapping[str, Any], fields: Fields) -> None:
    """Raise RefusedError unless a text would be encoded by the model that it names."""
    encoder = fields.encoders.get(name)
    if encoder is None:
        raise parsing(f"[neural_sparse]: field '{name}' has no encoder for query_text; send query_tokens")
    for key in ("model_id", "analyzer"):
        if wanted.get(key) not in (None, encoder):
            expected = f"expected '{encoder}', the field's encoder, or none"
            raise parsing(f"[neural_sparse]: field '{key}': found {excerpt(wanted[key])}, {expected}")


def _tokens(tokens: Any) -> dict[str, float]:
    if not isinstance(tokens, dict):
        raise parsing(f"[neural_sparse]: field 'query_tokens': found {excerpt(tokens)}, expected token and weight")
    for token, weight in tokens.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
            expected = "expected a number above 0"
            raise parsing(f"[neural_sparse]: token {excerpt(token)}: found weight {excerpt(weight)}, {expected}")
    return {token: float(weight) for token, weight in tokens.items()}


def _method_parameters(given: Any, fields: Fields) -> dict[str, Any] | None:
    """Return the filter of `method_parameters`, whose other parameters only trade quality for speed."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise parsing(f"[neural_sparse]: field 'method_parameters': found {excerpt(given)}, expected an object")
    for name, value in given.items():
        if name != "filter" and name not in METHOD_PARAMETERS:
            expected = f"expected {', '.join(METHOD_PARAMETERS)} or filter"
            raise parsing(f"[neural_sparse]: method_parameters: field '{name}' is unknown, {expected}")
        if name != "filter" and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
            found = f"field '{name}': found {excerpt(value)}"
            raise parsing(f"[neural_sparse]: method_parameters: {found}, expected a number above 0")
    return to_filter(given["filter"], fields) if given.get("filter") is not None else None
