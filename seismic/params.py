"""Parameters, checked here once. Unknown names and values out of range raise ParameterError."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator, with_config
from pydantic_core import PydanticCustomError

from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError
from seismic.layouts import DEFAULT, Layout

described = with_config(ConfigDict(use_attribute_docstrings=True))
"""Marks a dataclass of the API: the docstrings of its fields become descriptions."""

Verify = Literal["none", "sample", "full"]

AskedPlan = Annotated[
    Literal["auto", "lists", "exact"],
    BeforeValidator(lambda plan: "lists" if isinstance(plan, str) and plan == "blocks" else plan),
]
"""The plan `lists` was once called `blocks`: requests, stored profiles and scripts may still say so."""


def check_verify(verify: str) -> None:
    """Raise ParameterError unless `verify` is a level of verification."""
    levels = get_args(Verify)
    if not isinstance(verify, str) or verify not in levels:
        raise ParameterError(f"verify is {excerpt(verify)}, expected one of {', '.join(levels)}")


class Params(BaseModel):
    """Named, checked values. ParameterError lists every name and value that breaks a rule."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def __init__(self, **values: Any) -> None:
        values = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = _problems(type(self), error)
            raise ParameterError("; ".join(map(_line, problems)), problems) from None

    def replace(self, **changes: Any) -> Self:
        """Return a checked copy with some values changed."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **changes})


def flattened(problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a pydantic problem, or those of the nested parameters that caused it."""
    error = problem.get("ctx", {}).get("error")
    within = error.problems if isinstance(error, ParameterError) and error.problems else [{**problem, "loc": ()}]
    return [{**one, "loc": (*problem["loc"], *one["loc"])} for one in within]


def _problems(model: type[Params], error: ValidationError) -> list[dict[str, Any]]:
    found = [one for problem in error.errors() for one in flattened(problem)]
    for one in found:
        if one["type"] == "extra_forbidden":
            one.setdefault("ctx", {"known": f"{model.__name__} has {', '.join(model.model_fields)}"})
    return found


def _line(problem: Mapping[str, Any]) -> str:
    """Say which parameter, what was found and what was expected."""
    name = ".".join(map(str, problem["loc"]))
    if not name:
        return str(problem["msg"])
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter '{name}'; {problem['ctx']['known']}"
    return f"parameter '{name}': {problem['msg'].lower()} (found {excerpt(problem['input'])})"


class BuildParams(Params):
    """How to build an index. The defaults suit SPLADE-style vectors and collections of any size."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of every random choice. The same input, parameters and seed give the same bytes."""

    layout: Layout = DEFAULT
    """`shared`: exact search over blocks; compact, quick to build. `small`: half the size; drops the lightest
    components and rounds values to 8 bits, and the build measures how many exact answers survive. `full`: also stores
    every posting, which makes exact answers of hundreds of hits cheaper at 1.6 times the size (shards of up to 65,536
    documents do so in any layout except `small`). `lists`: also stores pruned posting lists for the plan `lists`; the
    parameters below, except those of the order, apply to it alone."""

    pruning: Literal["global", "fixed"] = "global"
    """`global` keeps the largest postings of the whole shard, at most `max_fraction` times the average length in one
    list. `fixed` keeps the `postings_per_list` largest of each list."""

    postings_per_list: Annotated[int, Field(ge=1)] | None = None
    """Average (`global`) or exact (`fixed`) length of a pruned posting list. None: grows with the shard, from 50 in a
    small one to 400 at 319,000 documents and 4,000 at 8.8 million. No list keeps more than 8,192."""

    max_fraction: Annotated[float, Field(ge=1.0)] = 4.0
    """With `global` pruning, the longest list relative to `postings_per_list`."""

    summary_energy: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    """Share of a document's L1 mass that block summaries cover, heaviest components first."""

    order_clusters: Annotated[int, Field(ge=0)] | None = None
    """Number of clusters that store similar documents together; 0 keeps the input order. None: one per 80 documents."""

    order_rounds: Annotated[int, Field(ge=1, le=20)] = 2
    """Rounds of k-means for the order of documents."""

    shard_by: Literal["range", "hash"] = "range"
    """Which documents a shard has. `range`: those that follow each other in the input. `hash`: those whose ids follow
    each other by hash, so that shards of a sorted collection are alike and each has its share of a query's hits."""


class SearchParams(Params):
    """How to answer a query."""

    recall: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Mean share of the true top k that is enough. The cheapest settings that `seismic tune` measured to reach it
    answer the query; if none do, the answer is exact. Recall lost by the layout `small` counts, and a recall above what
    it keeps is refused. Sets the plan and its knobs, so it excludes the four parameters below."""

    plan: AskedPlan = "auto"
    """`exact`: the true top k. `lists`: approximate, needs the layout `lists`. `auto`: chosen by `recall`, else
    `exact`."""

    query_cut: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    """`lists`: number of the query's heaviest components whose posting lists are searched. None: 15."""

    heap_factor: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    """Skip a block whose estimate (`lists`) or upper bound (`exact`) is below heap_factor x the k-th score so far, so
    higher prunes more. None: 0.6 for `lists`, 1 for `exact`; `exact` above 1 is approximate."""

    bound_share: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """`exact`: compute upper bounds from the heaviest components only, which make up this share of the largest possible
    score, scaled up to cover half of the rest. None: 1. Below 1 the answer is approximate, and bounds, which dominate
    the cost over millions of documents, are cheaper."""

    timeout_ms: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    """Milliseconds after which the search fails. None: no limit in process, the service's setting over REST."""

    @model_validator(mode="after")
    def _check_recall(self) -> Self:
        if self.recall is None:
            return self
        chosen = self.model_dump(exclude={"recall", "timeout_ms"}, exclude_none=True)
        found = " and ".join(f"{name} {value}" for name, value in chosen.items() if value != "auto")
        if found:
            knobs = "plan, query_cut, heap_factor and bound_share"
            message = "recall {recall} chooses {knobs}, found {found} as well; leave out either"
            raise PydanticCustomError(
                "recall_and_knobs", message, {"recall": self.recall, "knobs": knobs, "found": found}
            )
        return self


class Profile(Params):
    """Settings that `seismic tune` measured to reach a recall for `k` hits."""

    k: Annotated[int, Field(ge=1)]
    """Hits per query."""

    target: Annotated[float, Field(gt=0.0, le=1.0)]
    """The recall promised; 1 is exact."""

    params: SearchParams
    """The plan and its knobs."""

    recall: Annotated[float, Field(ge=0.0, le=1.0)]
    """Measured mean share of the exact top k."""

    lower: Annotated[float, Field(ge=0.0, le=1.0)]
    """Lower 95 % confidence bound of the mean, at least `target`."""

    upper: Annotated[float, Field(ge=0.0, le=1.0)]
    """Upper 95 % confidence bound of the mean."""

    microseconds: Annotated[float, Field(gt=0.0)]
    """Median CPU time of a query on the machine that tuned."""

    exact_microseconds: Annotated[float, Field(gt=0.0)]
    """The same of an exact answer, measured alternately."""

    queries: Annotated[int, Field(ge=1)]
    """Number of queries measured."""

    @property
    def exact(self) -> bool:
        """Whether its answers are exact by construction."""
        return self.params == SearchParams(plan="exact")
