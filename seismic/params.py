"""Parameters, checked once, here. Unknown names and values out of range raise `ParameterError`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator, with_config
from pydantic_core import PydanticCustomError

from seismic.errors import ParameterError

described = with_config(ConfigDict(use_attribute_docstrings=True))
"""For dataclasses that the API shows: the texts below their fields become descriptions."""

Plan = Literal["blocks", "exact"]
Layout = Literal["shared", "small", "full", "lists"]
Verify = Literal["none", "sample", "full"]


def stores_residuals(layout: Layout) -> bool:
    """Whether a layout stores 16 bits of each value, or 8."""
    return layout != "small"


def check_verify(verify: str) -> None:
    """ParameterError unless it is how files may be verified."""
    levels = get_args(Verify)
    if verify not in levels:
        raise ParameterError(f"verify is {verify!r}, expected one of {', '.join(levels)}")


class Params(BaseModel):
    """Named, checked values: what breaks a rule raises ParameterError, with every wrong name."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = _problems(type(self), error)
            raise ParameterError("; ".join(map(_line, problems)), problems) from None

    def replace(self, **changes: Any) -> Self:
        """A checked copy with some values changed."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **changes})


def unfolded(problem: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A problem that pydantic tells, or, if it is parameters within others, each of theirs."""
    error = problem.get("ctx", {}).get("error")
    within = error.problems if isinstance(error, ParameterError) and error.problems else [{**problem, "loc": ()}]
    return [{**one, "loc": (*problem["loc"], *one["loc"])} for one in within]


def _problems(model: type[Params], error: ValidationError) -> list[dict[str, Any]]:
    found = [one for problem in error.errors() for one in unfolded(problem)]
    for one in found:
        if one["type"] == "extra_forbidden":
            one.setdefault("ctx", {"known": f"{model.__name__} has {', '.join(model.model_fields)}"})
    return found


def _line(problem: Mapping[str, Any]) -> str:
    """The parameter's name, what was found, what was expected."""
    name = ".".join(map(str, problem["loc"]))
    if not name:
        return str(problem["msg"])
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter '{name}'; {problem['ctx']['known']}"
    return f"parameter '{name}': {problem['msg'].lower()} (found {problem['input']!r})"


class BuildParams(Params):
    """How an index is built. The defaults suit SPLADE-like vectors at any collection size."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seeds every random choice; same input, parameters and seed give the same bytes."""

    layout: Layout = "shared"
    """`shared`: exact search over shared blocks; little space, quick to build. `small`: half of that; vectors
    lose their lightest components and are rounded to 8 bits, and the build measures how many exact answers that keeps.
    `full`: every posting as well, which makes exact answers of hundreds of hits cheaper, in 1.6 times the bytes;
    shards of up to 65,536 documents have them in any layout but `small`. `lists`: posting lists in blocks as well,
    which the plan `blocks` visits; all parameters below but those of the order are theirs."""

    pruning: Literal["global", "fixed"] = "global"
    """`global` keeps the postings with the largest values of the whole shard, at most `max_fraction` times the
    average in one list; `fixed` keeps the `postings_per_list` largest of each list."""

    postings_per_list: Annotated[int, Field(ge=1)] | None = None
    """Average (`global`) or exact (`fixed`) length of a pruned posting list. None: grows with the shard,
    50 for a small one, 400 at 319,000 documents and 4,000 at 8.8 million. No list keeps more than 8,192."""

    max_fraction: Annotated[float, Field(ge=1.0)] = 4.0
    """`global` pruning: a list keeps at most this multiple of `postings_per_list`."""

    summary_energy: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    """Share of a document's L1 mass that summaries see, heaviest components first."""

    order_clusters: Annotated[int, Field(ge=0)] | None = None
    """Clusters that put similar documents beside each other; 0 keeps the input order. None: one per 80
    documents."""

    order_rounds: Annotated[int, Field(ge=1, le=20)] = 2
    """Rounds of k-means for that order."""


class SearchParams(Params):
    """How one query is answered."""

    recall: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """The mean share of the true top k that is enough: the cheapest settings that keep it, as measured by `seismic
    tune`, answer. Exact where nothing else was measured to keep it. What the layout `small` lost counts; more than it
    keeps is refused. Chooses the four below, so excludes them."""

    plan: Literal["auto", "blocks", "exact"] = "auto"
    """`exact`: the true top k. `blocks`: approximate, needs the layout `lists`. `auto`: what `recall` asks for, else
    `exact`."""

    query_cut: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    """`blocks`: how many of the query's heaviest components have their lists visited. None: 15."""

    heap_factor: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    """Skip a block if its estimate (`exact`: its bound) < heap_factor x k-th best score so far; higher prunes more.
    None: 0.6 for `blocks`, 1 for `exact`, which above 1 is exact no more."""

    bound_share: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """`exact`: bounds are added up of the query's heaviest components only, which make up this share of the largest
    score that all of them could give, and scaled up to make up for half of the rest. None: 1; below, the answer is
    exact no more, but bounds, which take most of the time where there are millions of documents, take less."""

    timeout_ms: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    """Milliseconds after which the search is given up, with an error. None: as long as it takes; in the service, its
    setting."""

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
    """A plan and its knobs, with what `seismic tune` measured of them: searches for `k` hits that promise a recall."""

    k: Annotated[int, Field(ge=1)]
    """Hits per query."""

    target: Annotated[float, Field(gt=0.0, le=1.0)]
    """The recall promised; 1: exact."""

    params: SearchParams
    """The plan and its knobs."""

    recall: Annotated[float, Field(ge=0.0, le=1.0)]
    """Measured mean share of the exact top k, over the queries."""

    lower: Annotated[float, Field(ge=0.0, le=1.0)]
    """The true mean is above it with 95 % confidence; at least `target`. `planning.recall` says how."""

    upper: Annotated[float, Field(ge=0.0, le=1.0)]
    """The true mean is below it with 95 % confidence."""

    microseconds: Annotated[float, Field(gt=0.0)]
    """CPU time of a query, a median, on the machine that tuned."""

    exact_microseconds: Annotated[float, Field(gt=0.0)]
    """The same of an exact answer, measured in turns with it."""

    queries: Annotated[int, Field(ge=1)]
    """Queries measured."""

    @property
    def exact(self) -> bool:
        """Whether its answers are exact, by construction."""
        return self.params == SearchParams(plan="exact")
