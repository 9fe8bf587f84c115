"""The number of values that an answer may have, known before the search."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seismic import ParameterError, SearchRequest
from seismic_server.memory import budget as memory
from seismic_server.settings import Settings

VALUE_BYTES = 300
"""Memory of a hit, facet value or contribution in the engine's answer."""

USUAL_TERMS = 256
"""Terms assumed of a text, a document or examples, which are unknown before they are encoded or read."""


def check_values(searches: Sequence[SearchRequest], settings: Settings) -> None:
    """Raise ParameterError if answers may have too many values, and lease the memory for those they may have."""
    most, found = settings.max_answer_values, sum(map(values_of, searches))
    if found > most:
        raise ParameterError(
            f"found {found} values requested (hits and facet values, and with explain a value per hit and component), "
            f"expected at most {most} (setting max_answer_values)"
        )
    memory.current().grow(found * VALUE_BYTES)


def check_why(query: Any, ids: int, documents: int, settings: Settings) -> None:
    """Raise ParameterError if an answer of `why` may have too many values, and lease the memory for them.

    Each document of the collection takes a score, its copy in order, and masks.
    """
    most, found = settings.max_answer_values, ids * (1 + _terms(query))
    if found > most:
        raise ParameterError(
            f"found {found} values requested (ids times components of the query), expected at most {most} (setting "
            "max_answer_values)"
        )
    memory.current().grow(found * VALUE_BYTES + 16 * documents)


def values_of(search: SearchRequest) -> int:
    """Return the largest number of values in the answer to a search."""
    hits = search.depth if search.group_by else search.limit
    terms = _terms(search.query) + (search.feedback.components if search.feedback else 0) if search.explain else 0
    return max(hits, search.depth) + hits * terms + sum(facet.limit for facet in search.facets or ())


def _terms(query: Any) -> int:
    if isinstance(query, Mapping) and "fields" in query:
        return sum(map(_terms, query["fields"].values()))
    fields: Iterable[Any] = (query.get(name) for name in ("indices", "tokens")) if isinstance(query, Mapping) else ()
    return next((len(field) for field in fields if field is not None), USUAL_TERMS)
