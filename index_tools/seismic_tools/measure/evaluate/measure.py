"""Measure an index with queries and optional judgements."""

import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from ir_measures import Qrel, ScoredDoc

import seismic
from seismic import Index, SearchParams
from seismic.layouts import LAYOUTS
from seismic_tools.measure.evaluate.building import RSS_UNIT
from seismic_tools.measure.evaluate.results import Beside, BuildCost, CurvePoint, Evaluation
from seismic_tools.measure.evaluate.trial import Trial
from seismic_tools.measure.machine import describe_machine
from seismic_tools.measure.metrics import MEASURES, effectiveness, recall
from seismic_tools.readers.queries import Queries

EXACT = SearchParams(plan="exact")
FACTORS = (1.03, 1.06, 1.1, 1.15, 1.22, 1.3)
"""Heap factors of the plan `exact` on a curve."""

BOUND_SHARES = (0.95, 0.9, 0.85, 0.8)
"""Bound shares of the plan `exact` on a curve."""

CUTS, BLOCK_FACTORS = (4, 8, 15), (0.6, 0.8, 1.0)
"""Query cuts and heap factors of the plan `lists` on a curve."""


class Request(NamedTuple):
    """What to measure. ``depths``: hits per query, the first also for throughput and samples; ``params``: a setting to
    compare with exact search; ``threads``: for throughput; ``curve``: whether to measure a range of settings;
    ``ignore_same_id``: whether to judge runs without the document that has the id of the query."""

    depths: Sequence[int]
    params: SearchParams = EXACT
    threads: Sequence[int] = (1,)
    curve: bool = False
    ignore_same_id: bool = False
    measures: Sequence[Any] = MEASURES


class Measured(NamedTuple):
    """The evaluation, and the runs of its settings by name, with the hits of the largest depth."""

    evaluation: Evaluation
    runs: dict[str, Sequence[ScoredDoc]]


def measure(
    index: Index,
    queries: Queries,
    request: Request,
    qrels: Sequence[Qrel] = (),
    *,
    unsearched: Sequence[str] = (),
    beside: Trial | None = None,
    dataset: str | None = None,
    build: BuildCost | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Measured:
    """Measure `request.params` and exact search.

    `qrels`: judgements of these queries; `unsearched`: ids of judged queries that are missing; `beside`: exact
    searches of another collection to judge with them.
    """
    exact = Trial(index, queries, EXACT, request.ignore_same_id)
    chosen = Trial(index, queries, _named(index, queries, request.params), request.ignore_same_id)
    trials = {"exact": exact} if chosen.params == exact.params else {"exact": exact, "chosen": chosen}
    steps = len(trials) + request.curve
    measured = []
    for step, trial in enumerate(trials.values()):
        progress("measure", step, steps)
        measured.append(trial.measure(request.depths, exact, qrels, request.threads, request.measures))
    curve = []
    if request.curve:
        progress("measure", len(trials), steps)
        curve = [point for k in request.depths for point in _curve(index, queries, k, exact)]
    progress("measure", steps, steps)
    runs: dict[str, Sequence[ScoredDoc]] = {name: trial.run(max(request.depths)) for name, trial in trials.items()}
    evaluation = Evaluation(
        collection=index.name,
        generation=index.generation,
        layout=index.manifest.layout,
        documents=len(index),
        sizes=_sizes(index),
        build=build,
        dataset=dataset,
        queries=len(queries.ids),
        judged=len({qrel.query_id for qrel in qrels}),
        unsearched=list(unsearched),
        missing=_missing(index, qrels),
        beside=_beside(beside, qrels, request.measures) if beside else None,
        settings=[setting for setting, _ in measured],
        curve=curve,
        samples=measured[-1][1],
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT,
        environment={"seismic": seismic.__version__, **describe_machine()},
    )
    return Measured(evaluation, runs)


def _beside(trial: Trial, qrels: Sequence[Qrel], measures: Sequence[Any]) -> Beside:
    index = trial.index
    return Beside(index.name, len(index), index.manifest.bytes, effectiveness(qrels, trial.run, measures))


def _named(index: Index, queries: Queries, params: SearchParams) -> SearchParams:
    """Return the parameters with the plan that this index chooses for them."""
    if params.recall is not None:
        return params
    return params.replace(plan=index.answer(queries.vectors.slice(0, 1), 1, params=params).plan)


def _curve(index: Index, queries: Queries, k: int, exact: Trial) -> list[CurvePoint]:
    settings = [EXACT, *(EXACT.replace(heap_factor=factor) for factor in FACTORS)]
    settings += [EXACT.replace(bound_share=share) for share in BOUND_SHARES]
    if "lists" in LAYOUTS[index.manifest.layout].plans:
        settings += [
            SearchParams(plan="lists", query_cut=cut, heap_factor=factor) for cut in CUTS for factor in BLOCK_FACTORS
        ]
    points = []
    for params in settings:
        began = time.process_time()
        found, _ = index.search_batch(queries.vectors, k, params=params)
        microseconds = (time.process_time() - began) * 1e6 / len(queries.ids)
        points.append(
            CurvePoint(k, params.model_dump(exclude_none=True), recall(found, exact.search(k)[0]), microseconds)
        )
    return points


def _sizes(index: Index) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for path, entry in index.manifest.files.items():
        sizes[path.rpartition("/")[2]] += entry.bytes
    return dict(sizes.most_common())


def _missing(index: Index, qrels: Sequence[Qrel]) -> float | None:
    """Return the share of the relevant documents that are missing in the collection."""
    relevant = sorted({qrel.doc_id for qrel in qrels if qrel.relevance > 0})
    if not relevant:
        return None
    kind = index.view.rules.schema.field("id").type
    if pa.types.is_integer(kind):
        ids: list[str] | list[int] = [int(name) for name in relevant if name.lstrip("-").isdecimal()]
    else:
        ids = relevant
    found = int((index.find(ids) >= 0).sum()) if ids else 0
    return 1 - found / len(relevant)
