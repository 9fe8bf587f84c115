"""Search requests: the query, how to search, and what to return."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from seismic.filters.language import FilterLike
from seismic.params import Params, SearchParams
from seismic.query import QueryLike

MOST_RUNS, MOST_RANKED, MOST_FACETS = 16, 10_000, 16
"""Most runs to fuse, hits of one run, and facets in a request."""

_OF_QUERIES = ("score_threshold", "idf_filter", "feedback", "fusion", "rerank", "group_by", "explain", "snippet")
"""Fields that need a query."""

Weight = Annotated[float, Field(gt=0, le=1e6)]
Key = Annotated[str, Field(min_length=1)]


class Feedback(Params):
    """Pseudo-relevance feedback: expand the query by components of its own best documents, and search again."""

    documents: Annotated[int, Field(ge=1, le=1000)] = 3
    """Number of best documents to learn from."""

    components: Annotated[int, Field(ge=1, le=1000)] = 100
    """Number of their heaviest components to add."""

    weight: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the expanded query's weight that the added components get."""


class Ranked(Params):
    """A hit of another search."""

    id: str | Annotated[int, Field(ge=-(1 << 63), lt=1 << 64)]
    """The document's id in this collection."""

    score: Annotated[float, Field(allow_inf_nan=False)]
    """Higher is better, on any scale."""


class Run(Params):
    """The hits of another search for the same query."""

    hits: Annotated[list[Ranked], Field(max_length=MOST_RANKED)]
    """Hits in any order. They are ranked by score, ties in the given order."""

    weight: Weight = 1.0
    """Weight of the run."""


class Fusion(Params):
    """Hybrid search: fuse the hits with runs of other searches that come with the request."""

    runs: Annotated[list[Run], Field(min_length=1, max_length=MOST_RUNS)]
    """Runs of other searches."""

    method: Literal["rrf", "weighted"] = "rrf"
    """`rrf`: the sum of weight / (k + rank) over the runs (reciprocal rank fusion, SIGIR 2009). `weighted`: the sum of
    weight x score, with the scores of each run normalised to 0.001-1: (score - lowest) / (highest - lowest)."""

    k: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    """Constant of `rrf`: the larger, the less top ranks dominate."""

    weight: Weight = 1.0
    """Weight of this collection's own run."""

    depth: Annotated[int, Field(ge=1, le=MOST_RANKED)] = 100
    """Number of hits in this collection's own run."""


class Rerank(Params):
    """Order the best hits of the search, or of the fusion, by other scores. Only those hits are returned."""

    scores: Annotated[list[Ranked], Field(min_length=1, max_length=MOST_RANKED)] | None = None
    """Scores from elsewhere. Hits without one are left out. None: the scores of the loaded cross-encoder."""

    text: Annotated[str, Field(min_length=1)] | None = None
    """Text that the cross-encoder compares documents with. None: the text of the query."""

    column: Key = "text"
    """Column of texts that the cross-encoder reads. A document without a text counts as an empty one."""

    depth: Annotated[int, Field(ge=1, le=MOST_RANKED)] = 100
    """Number of best hits to order, at least `offset` + `limit`."""

    search_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Hits are ordered by their score here, plus this weight x their score in the search."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        used = [name for name in ("text", "column") if name in self.model_fields_set]
        if self.scores is not None and used:
            message = "scores need no {found}, which is for the cross-encoder; leave out either"
            raise PydanticCustomError("rerank", message, {"found": " and ".join(used)})
        return self


class GroupBy(Params):
    """Return the best hits of the best groups; a group is the documents with one value in a column."""

    key: Key
    """The column. Documents without a value belong to no group."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 10
    """Most groups to return, ordered by their best hit."""

    size: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most hits per group."""


class FacetBy(Params):
    """Count the values of a column among the matches: the documents that share a component with the query and match the
    filter."""

    key: Key
    """The column. In a column of lists, each value counts once per document."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Most values to return, most frequent first."""


class Snippets(Params):
    """Return with each hit the passage of its text with the strongest matches."""

    column: Key | None = None
    """Column of texts. None: the last of those that the collection's encoder reads, or `text`."""

    length: Annotated[int, Field(ge=1, le=100_000)] = 240
    """Most characters of a passage."""


def _snippets(given: Any) -> Any:
    return {True: {}, False: None}[given] if isinstance(given, bool) else given


AnySnippets = Annotated[Snippets | None, BeforeValidator(_snippets, json_schema_input_type=bool | Snippets | None)]
"""Snippets, where true stands for the defaults."""


class OrderBy(Params):
    """The order of documents. Documents without a value, or with NaN, come last; ties are ordered by id."""

    key: Key = "id"
    """The column: `id`, or one of numbers, booleans, texts, dates or times. Texts are ordered by code
    point, by their first 256 characters."""

    direction: Literal["asc", "desc"] = "asc"
    """Ascending or descending."""


class SearchRequest(Params):
    """A search request. Without a query it lists documents, all with score 0, and counts facets over all of them."""

    model_config = ConfigDict(arbitrary_types_allowed=True)  # queries and filters are checked when used

    query: SkipValidation[QueryLike] | None = None
    """`indices` and `values`, `tokens` with weights, a `text`, a document's `id`, or examples: `positive` and
    `negative`, each a list of ids, sparse vectors or texts. None lists documents by id or in the order of `order_by`.
    """

    limit: Annotated[int, Field(ge=0)] = 10
    """Most hits to return. 0 searches nothing: for facets and the number of documents that match the filter."""

    offset: Annotated[int, Field(ge=0)] = 0
    """Hits to skip. Pages of exact answers never overlap, as ties are ordered by document number."""

    filter: SkipValidation[FilterLike] | None = None
    """Restricts the search to matching documents, in the language of `seismic.filters.language`."""

    idf_filter: SkipValidation[FilterLike] | None = None
    """Weigh the words of a text by their inverse document frequencies among the documents that match this filter, such
    as those of a tenant. Needs an encoder that weighs words so: BM25, or `--query-encoder idf`. None: among all
    documents."""

    params: SearchParams = SearchParams()
    """How to search."""

    order_by: OrderBy | None = None
    """Order of documents without a query. Hits of a query are ordered by score."""

    score_threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Lowest score of a hit."""

    feedback: Feedback | None = None
    """Expand the query by its best documents."""

    fusion: Fusion | None = None
    """Fuse with the hits of other searches. Hits have the scores of the fusion."""

    rerank: Rerank | None = None
    """Order the best hits by other scores, which hits have then. `score_threshold` applies before."""

    group_by: GroupBy | None = None
    """Return groups of hits instead of hits; its `limit` replaces that of the request."""

    facets: Annotated[list[FacetBy], Field(max_length=MOST_FACETS)] | None = None
    """Count the values of columns."""

    explain: bool = False
    """Explain the answer: the parts of each hit's score, the plan and the work."""

    snippet: AnySnippets = None
    """Return the passage of each hit with the strongest matches: true, or its column and length."""

    @property
    def end(self) -> int:
        """Number of hits up to the end of the page."""
        return self.offset + self.limit

    @property
    def narrow(self) -> bool:
        """Whether the search is restricted to some documents, where only exact answers are reliable."""
        return self.filter is not None or self.group_by is not None

    @property
    def depth(self) -> int:
        """Number of hits that the search has to find."""
        if self.group_by:
            return self.group_by.limit * self.group_by.size
        if self.limit == 0:
            return 0
        if self.fusion:
            return self.fusion.depth
        return self.rerank.depth if self.rerank else self.end

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = [facet.key for facet in self.facets or []]
        if len(set(keys)) < len(keys):
            raise PydanticCustomError("facets", "facets name a column twice, expected each once")
        if self.query is None:
            used = [name for name in _OF_QUERIES if getattr(self, name)]
            if used:
                message = "without a query, found {found}; give a query, or leave out either"
                raise PydanticCustomError("no_query", message, {"found": " and ".join(used)})
        elif self.order_by is not None:
            message = "order_by orders documents without a query, and hits of a query by score; leave out either"
            raise PydanticCustomError("order_by", message)
        if self.group_by is not None:
            given = {name for name in self.model_fields_set if getattr(self, name) is not None}
            excluded = [name for name in ("limit", "offset", "fusion", "rerank") if name in given]
            if excluded:
                message = "group_by excludes {found}, which counts hits; its own limit counts groups"
                raise PydanticCustomError("groups", message, {"found": " and ".join(excluded)})
        if self.rerank is not None and self.rerank.depth < self.end:
            message = "rerank.depth is {depth}, expected at least {end}, which is offset + limit"
            raise PydanticCustomError("rerank", message, {"depth": self.rerank.depth, "end": self.end})
        return self
