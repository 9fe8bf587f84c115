"""One model of a request: what to look for, how to search, and what to tell of what was found."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from seismic.filters.language import FilterLike
from seismic.params import Params, SearchParams
from seismic.query import QueryLike

MOST_RUNS, MOST_RANKED, MOST_FACETS = 16, 10_000, 16
"""In one request: runs to fuse with, hits of one of them, and columns to count."""

Weight = Annotated[float, Field(gt=0, le=1e6)]
Key = Annotated[str, Field(min_length=1)]


class Feedback(Params):
    """Pseudo-relevance feedback: the query is widened by what its own best documents have, and asked again."""

    documents: Annotated[int, Field(ge=1, le=1000)] = 3
    """Best documents to learn from."""

    components: Annotated[int, Field(ge=1, le=1000)] = 100
    """How many of their heaviest components to take."""

    weight: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Their share of the query's weight; the rest is the query's own."""


class Ranked(Params):
    """A hit of another search."""

    id: str | Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]
    """The document's id in this collection."""

    score: Annotated[float, Field(allow_inf_nan=False)]
    """Higher is better; of any scale."""


class Run(Params):
    """What another search found for the same question."""

    hits: Annotated[list[Ranked], Field(max_length=MOST_RANKED)]
    """In any order; they are ranked by score, equal ones in the order given."""

    weight: Weight = 1.0
    """How much it counts."""


class Fusion(Params):
    """Hybrid search: fuse with runs of other searches, which come with the request."""

    runs: Annotated[list[Run], Field(min_length=1, max_length=MOST_RUNS)]
    """What others found."""

    method: Literal["rrf", "weighted"] = "rrf"
    """`rrf`: the sum of weight / (k + rank) over the runs (reciprocal rank fusion, SIGIR 2009). `weighted`: the sum of
    weight x score, scores brought to 0.001-1 within each run: (score - least) / (best - least)."""

    k: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    """Of `rrf`: the larger it is, the less first ranks count."""

    weight: Weight = 1.0
    """How much this collection's own run counts."""

    depth: Annotated[int, Field(ge=1, le=MOST_RANKED)] = 100
    """Hits of its own run."""


class GroupBy(Params):
    """The best hits of the best groups: documents that have the same value in a column."""

    key: Key
    """The column. Documents without a value are in no group."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 10
    """Most groups, best first: by their best hit."""

    size: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most hits of a group."""


class FacetBy(Params):
    """How often the values of a column occur among the matches: documents that share a component with the query, and
    that the filter lets through."""

    key: Key
    """The column; of a list, each of its values counts once for a document."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Most values, the most frequent first."""


class SearchRequest(Params):
    """A question to an index."""

    model_config = ConfigDict(arbitrary_types_allowed=True)  # queries and filters are checked when they are used

    query: SkipValidation[QueryLike]
    """What to look for: `indices` and `values`, `tokens` with weights, a `text`, a document's `id`, or examples:
    `positive` and `negative`, each a list of ids, of sparse vectors, or of texts."""

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

    feedback: Feedback | None = None
    """Widen the query by what its best documents have."""

    fusion: Fusion | None = None
    """Fuse with what other searches found; scores of hits are those of the fusion."""

    group_by: GroupBy | None = None
    """Answer with groups of hits in place of hits; its `limit` takes the place of the request's."""

    facets: Annotated[list[FacetBy], Field(max_length=MOST_FACETS)] | None = None
    """Count values of columns."""

    explain: bool = False
    """Say how the answer came about: each hit's score, the plan, and the work."""

    @property
    def end(self) -> int:
        """Hits up to the end of the page."""
        return self.offset + self.limit

    @property
    def narrow(self) -> bool:
        """Whether searches are of some of the documents only, where nothing but exact answers is any good."""
        return self.filter is not None or self.group_by is not None

    @property
    def depth(self) -> int:
        """Hits that have to be found."""
        if self.group_by:
            return self.group_by.limit * self.group_by.size
        return self.fusion.depth if self.fusion else self.end

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = [facet.key for facet in self.facets or []]
        if len(set(keys)) < len(keys):
            raise PydanticCustomError("facets", "facets name a column twice, expected each once")
        if self.group_by is not None:
            besides = [name for name in ("limit", "offset", "fusion") if name in self.model_fields_set]
            if besides:
                message = "group_by excludes {found}, which counts hits; its own limit counts groups"
                raise PydanticCustomError("groups", message, {"found": " and ".join(besides)})
        return self
