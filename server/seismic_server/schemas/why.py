"""Bodies of questions why documents are or are not found."""

from typing import Annotated

from pydantic import ConfigDict, Field, SkipValidation

from seismic.filters.parse import AnyFilter
from seismic.search.why import MAX_IDS, WhyNot
from seismic_server.schemas.bodies import Schema
from seismic_server.schemas.search import AnyQuery


class WhyRequest(Schema):
    """A search, and the documents in question."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": {"tokens": {"planet": 2.1, "orbit": 0.8}}, "ids": ["4983", "never"], "limit": 10},
                {
                    "query": {"indices": [2054, 7592], "values": [1.2, 0.4]},
                    "ids": ["4983"],
                    "filter": {"must": [{"key": "n_chars", "range": {"gte": 500}}]},
                },
            ]
        }
    )

    query: AnyQuery
    """Query of the search."""

    ids: (
        Annotated[list[str], Field(min_length=1, max_length=MAX_IDS)]
        | Annotated[list[int], Field(min_length=1, max_length=MAX_IDS)]
    )
    """Ids of the documents in question: strings or integers, like the collection's ids."""

    filter: SkipValidation[AnyFilter] | None = None  # the engine validates it
    """Filter of the search."""

    limit: Annotated[int, Field(ge=1)] = 10
    """Hits of the search."""

    score_threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Lowest score of a hit."""


class WhyAnswer(Schema):
    """Why each document is or is not among the hits, in the order of the ids."""

    documents: list[WhyNot]
    generation: str
    """Generation of the collection that answered."""
    sequence: int
    """Last change that is included."""
    took_ms: float
    """Milliseconds from the request's arrival at its route."""
