"""Bodies of queries and of other reads of points."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from seismic_server.compat.qdrant.bodies import LOOKUP, Count, Ids, PointId, Request, Skipped


class Selector(Request):
    """Keys of payloads to answer, or to leave out."""

    include: list[str] | None = None
    exclude: list[str] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.include is None) == (self.exclude is None):
            raise ValueError("expected either 'include' or 'exclude'")
        return self


class Shown(Request):
    """What to answer of each point."""

    with_payload: bool | list[str] | Selector = False
    with_vector: bool | list[str] = False


class Retrieve(Shown):
    """Points by id."""

    ids: Ids
    with_payload: bool | list[str] | Selector = True


class OrderBy(Request):
    """The order of points without a query."""

    key: str
    direction: Literal["asc", "desc"] = "asc"
    start_from: int | float | str | None = None


class Scroll(Shown):
    """A page of points."""

    offset: PointId | None = None
    limit: Count = 10
    filter: Any = None
    with_payload: bool | list[str] | Selector = True
    order_by: str | OrderBy | None = None


class CountPoints(Request):
    """Points to count."""

    filter: Any = None
    exact: bool = True


class Facet(Request):
    """Values to count."""

    key: str
    limit: Count = 10
    filter: Any = None
    exact: bool = False


class Params(Request):
    """How to search. Answers are exact whatever these say."""

    hnsw_ef: Any = None
    exact: Any = None
    quantization: Any = None
    indexed_only: Any = None
    acorn: Any = None


class Prefetch(Request):
    """A search whose hits are fused with those of others."""

    refused: ClassVar[Mapping[str, str]] = {
        **Request.refused,
        "prefetch": "a prefetch within a prefetch is not supported",
    }

    query: Any = None
    using: str | None = None
    filter: Any = None
    params: Params = Params()
    score_threshold: Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)] | None = None
    limit: Count = 10


class _Query(Shown):
    query: Any = None
    prefetch: list[Prefetch] | Prefetch | None = None
    using: str | None = None
    filter: Any = None
    params: Params = Params()
    score_threshold: Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)] | None = None


class Query(_Query):
    """A query of points."""

    limit: Count = 10
    offset: Skipped = 0


class Queries(Request):
    """Several queries."""

    searches: list[Query]


class GroupQuery(_Query):
    """A query of groups of points."""

    refused: ClassVar[Mapping[str, str]] = {**Request.refused, "with_lookup": LOOKUP}

    group_by: str
    group_size: Count = 3
    limit: Count = 10
