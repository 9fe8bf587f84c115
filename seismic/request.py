"""One model of a request: what to look for, how to search, and what to tell of what was found."""

from typing import Annotated

from pydantic import ConfigDict, Field, SkipValidation

from seismic.filters.language import FilterLike
from seismic.params import Params, SearchParams
from seismic.query import QueryLike


class SearchRequest(Params):
    """A question to an index."""

    model_config = ConfigDict(arbitrary_types_allowed=True)  # queries and filters are checked when they are used

    query: SkipValidation[QueryLike]
    """What to look for: `indices` and `values`, `tokens` with weights, a `text`, a document's `id`, or examples:
    `positive` and `negative`, each a list of ids or of sparse vectors."""

    limit: Annotated[int, Field(ge=1)] = 10
    """Most hits to return."""

    offset: Annotated[int, Field(ge=0)] = 0
    """Hits to pass over before: pages of an exact answer tile, as equal scores go by document number."""

    filter: SkipValidation[FilterLike] | None = None
    """Only documents that it lets through are hits; `seismic.filters.language` says what it is made of."""

    params: SearchParams = SearchParams()
    """How to search."""

    score_threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Least score of a hit."""
