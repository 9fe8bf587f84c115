"""Measure the cost of filters by the share of documents that match.

Run `python -m seismic_tools.measure.bench.filters`.

Times are microseconds of CPU of `Index.answer`, or of wall time of a request to an otherwise idle service: per query
the median over interleaved passes, then the mean over the queries. Cases: without a filter, with an exact scan of the
matching documents, with a cached filter and, for ranges of numbers, with new bounds.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

import seismic
from seismic import Index, InputError, SearchParams, SparseVectors
from seismic.measure.recall import shares_found
from seismic_tools.measure.load.caller import Caller
from seismic_tools.measure.load.requests import address, bodies, requests
from seismic_tools.measure.results import write_json
from seismic_tools.readers.queries import read_queries

SHARES = (1.0, 0.3, 0.1, 0.01, 1e-3, 1e-4)
NEAR = 1.5
"""Accepted ratio between the wanted and the actual number of matches of a window."""
ATTEMPTS = 2000

Filter = dict[str, Any]
Draw = Callable[[], Filter]


class Row(NamedTuple):
    """One kind of filter. ``share``: mean share of documents that match; ``recall``: at k against a scan; times in
    microseconds (``scan``: None for a service; ``new``: None for filters without bounds)."""

    kind: str
    wanted: float
    share: float
    recall: float
    recall_97: float
    unfiltered: float
    scan: float | None
    cached: float
    new: float | None

    @property
    def ratio(self) -> float:
        """The slower of cached and new, divided by the faster of unfiltered and scan."""
        return max(self.cached, self.new or 0.0) / min(self.unfiltered, self.scan or self.unfiltered)


class Windows:
    """Random ranges of a numeric column."""

    def __init__(self, name: str, values: pa.ChunkedArray, rng: np.random.Generator) -> None:
        self.name, self.rng = name, rng
        self.values: npt.NDArray[Any] = np.sort(values.drop_null().to_numpy())

    def draw(self, share: float) -> Filter:
        """Return a range that matches about `share` of the documents."""
        wanted = max(1, round(share * len(self.values)))
        for _ in range(ATTEMPTS):
            first = self.rng.integers(len(self.values) - wanted + 1)
            low, high = self.values[first], self.values[first + wanted - 1]
            ends = np.searchsorted(self.values, low), np.searchsorted(self.values, high, "right")
            if ends[1] - ends[0] <= NEAR * wanted:
                break
        # New bounds with the same matches.
        return {"key": self.name, "range": {"gt": float(low) - self.rng.random() * 0.9, "lte": high.item()}}


def any_of(name: str, values: pa.ChunkedArray, share: float) -> Filter:
    """Return a filter on the most frequent values that together match about `share` of the documents."""
    wanted, chosen = share * len(values), []
    counted = [(one["values"].as_py(), one["counts"].as_py()) for one in values.value_counts()]
    for value, number in sorted(counted, key=lambda one: -one[1]):
        if value is not None and number <= wanted * NEAR:
            chosen.append(value)
            wanted -= number
    return {"key": name, "match": {"any": chosen}}


def kinds(words: str, numbers: str, index: Index, rng: np.random.Generator) -> Iterator[tuple[str, float, Draw, bool]]:
    """Yield (kind, share, function that draws such a filter, whether each draw has new bounds)."""
    shards = [shard.shard.documents for shard in index.view.shards]
    column = {
        name: pa.chunked_array([chunk for one in shards for chunk in one[name].chunks]) for name in (words, numbers)
    }
    windows = Windows(numbers, column[numbers], rng)

    def nested(half: Filter, share: float) -> Filter:
        either = {"should": [half, {"is_null": {"key": words}}]}
        return {"must": [either, windows.draw(share)], "must_not": [{"key": numbers, "range": {"lt": -1}}]}

    for share in SHARES:
        keyword: Filter = {"must": [any_of(words, column[words], share)]}
        yield "keyword", share, partial(dict, keyword), False
        yield "window", share, partial(lambda share: {"must": [windows.draw(share)]}, share), True
        yield "nested", share, partial(nested, any_of(words, column[words], share**0.5), share**0.5), True


class Timed(NamedTuple):
    """An answer: seconds, document numbers, best first, and the number of documents that match its filter."""

    seconds: float
    numbers: list[int]
    matched: int | None


class Ask(Protocol):
    """Answer a query for k hits and time it."""

    def __call__(self, query: SparseVectors, filter: Filter | None, params: SearchParams | None = None) -> Timed:
        """Answer one query."""


def by_engine(index: Index, k: int) -> Ask:
    """Return an `Ask` for the engine, in CPU time of this thread."""

    def ask(query: SparseVectors, filter: Filter | None, params: SearchParams | None = None) -> Timed:
        began = time.thread_time()
        answer = index.answer(query, k, filter=filter, params=params)
        seconds = time.thread_time() - began
        return Timed(seconds, [hit.number for hit in answer.hits], answer.matched)

    return ask


def by_service(caller: Caller, url: str, index: Index, k: int) -> Ask:
    """Return an `Ask` for a service with the same collection, in wall time."""

    def ask(query: SparseVectors, filter: Filter | None, params: SearchParams | None = None) -> Timed:
        fields = {"limit": k, "with_payload": False, "filter": filter}
        if params:
            fields["params"] = params.model_dump(exclude_unset=True)
        (request,) = requests(url, index.name, bodies(query, fields, 1), batched=False, key=None)
        began = time.perf_counter()
        answer = orjson.loads(caller.ask(request))
        seconds = time.perf_counter() - began
        numbers = index.find([hit["id"] for hit in answer["hits"]]).tolist()
        return Timed(seconds, numbers, answer.get("matched", {}).get("value"))

    return ask


def measure(
    index: Index, ask: Ask, queries: SparseVectors, *, k: int, passes: int, draw: Draw, new: bool, scan: bool
) -> dict[str, Any]:
    """Return times and recalls of the filters drawn; times of scans only if `scan`."""
    rows, engine = [queries.slice(row, row + 1) for row in range(len(queries))], by_engine(index, k)
    found: dict[str, list[list[int]]] = {}
    times: dict[str, list[list[float]]] = {}
    shares: list[float] = []

    def search(name: str, ask: Ask, filters: Sequence[Filter | None], params: SearchParams | None = None) -> None:
        answers = [ask(row, one, params) for row, one in zip(rows, filters, strict=True)]
        times.setdefault(name, []).append([answer.seconds * 1e6 for answer in answers])
        found.setdefault(name, []).extend([*one.numbers, *[-1] * (k - len(one.numbers))] for one in answers)
        shares.extend(answer.matched / len(index) for answer in answers if answer.matched is not None)

    for _ in range(passes):
        filters = [draw() for _ in rows]
        search("unfiltered", ask, [None] * len(rows))
        if new:
            search("new", ask, filters)
        else:
            ask(rows[0], filters[0])
        search("cached", ask, filters)
        search("recall_97", ask, filters, SearchParams(recall=0.97))
        with patch("seismic.search.methods.scans", lambda *_: True):
            search("scan", engine, filters)
    truth = np.array(found["scan"])
    recalls = {name: _recall(np.array(found[name]), truth) for name in ("cached", "recall_97")}
    typical = {name: float(np.median(passed, axis=0).mean()) for name, passed in times.items()}
    return {
        **{name: typical[name] for name in ("unfiltered", "cached")},
        "scan": typical["scan"] if scan else None,
        "new": typical.get("new"),
        "recall": recalls["cached"],
        "recall_97": recalls["recall_97"],
        "share": float(np.mean(shares)),
    }


def _recall(found: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> float:
    """Return the mean share of the truth that was found; 1 if there is nothing to find."""
    shares = shares_found(found, truth)
    return float(shares.mean()) if len(shares) else 1.0


def show(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    table = Table(
        *("filter", "share", "recall", "recall 0.97", "unfiltered", "scan", "cached", "new bounds", "ratio"), title="us"
    )
    for row in rows:
        times = (row.unfiltered, row.scan, row.cached, row.new)
        shown = ("" if value is None else f"{value:,.0f}" for value in times)
        table.add_row(
            row.kind, f"{row.share:.2g}", f"{row.recall:.4f}", f"{row.recall_97:.4f}", *shown, f"{row.ratio:.2f}"
        )
    return table


def main(
    collection: Annotated[Path, typer.Argument(help="Folder of a built collection.")],
    queries: Annotated[Path, typer.Option(help="Queries, in any format that `build` reads.")],
    words: Annotated[str, typer.Option(help="Column of strings.")],
    numbers: Annotated[str, typer.Option(help="Column of numbers.")],
    limit: Annotated[int, typer.Option(min=1, help="Number of queries, drawn at random.")] = 100,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="Hits per query.")] = 10,
    passes: Annotated[int, typer.Option(min=1, help="Timed passes.")] = 3,
    url: Annotated[
        str | None, typer.Option(help="URL of a service with the same collection, to measure instead of the engine.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Time searches with filters of every selectivity and compare their hits with a scan.

    Examples:

        python -m seismic_tools.measure.bench.filters msmarco --queries dev.parquet --words lang --numbers year
    """
    rng, rows = np.random.default_rng(0), []
    with ExitStack() as stack:
        index = stack.enter_context(seismic.open(collection))
        for name in (words, numbers):
            if name not in index.columns:
                raise InputError(f"found no column '{name}', expected one of {', '.join(index.columns)}")
        read = read_queries(queries, index.vocabulary).vectors
        chosen = rng.permutation(len(read))[:limit].tolist()
        vectors = SparseVectors.concatenate([read.slice(row, row + 1) for row in chosen])
        few = vectors.slice(0, min(5, len(vectors)))
        ask = by_engine(index, k)
        if url:
            ask = by_service(stack.enter_context(Caller(*address(url), timeout=60)), url, index, k)
        for kind, share, draw, new in kinds(words, numbers, index, rng):
            of = partial(measure, index, ask, k=k, draw=draw, new=new, scan=not url)
            of(few, passes=1)  # compiles kernels and sorts columns
            rows.append(Row(kind, share, **of(vectors, passes=passes)))
    Console(width=120).print(show(rows))
    if output:
        write_json(output, [{**row._asdict(), "ratio": row.ratio} for row in rows])


if __name__ == "__main__":
    typer.run(main)
