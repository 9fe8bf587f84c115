"""The data of a benchmark: document vectors, two halves of the queries, and their exact answers."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from seismic import BuildParams, InputError, ParameterError, SparseVectors, Vocabulary
from seismic.builder import order as builder
from seismic.query import known_components
from seismic_tools.measure.bench.engines.base import Shape, Vectors
from seismic_tools.measure.bench.truth import exact_answers, given_answers
from seismic_tools.readers import Reading, Tokens, collect, find_named, read_collection
from seismic_tools.readers.queries import read_queries
from seismic_tools.terminal.progress import Report

Half: TypeAlias = Literal["tune", "report"]
"""Settings are chosen on the queries of `tune` and measured on those of `report`."""

HITS: dict[Half, int] = {"tune": 10_000, "report": 20_000}
FEWEST = 100
"""A half is searched for k hits with HITS / k queries, and with at least FEWEST if it has them. Deep searches take
longer, and each contributes more to the recall."""


class Choice(NamedTuple):
    """Queries from a file or (None) the collection, at most `limit`, split by `seed`; ``depths``: hits per query."""

    queries: Path | None
    limit: int | None
    seed: int
    depths: Sequence[int]


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors in files of ``folder``, where workers read them, and exact answers.

    ``queries``: size of each half; ``truth``: (half, k) -> document numbers [n, k], padded with -1, of the first n
    queries of the half, which are those searched for k hits.
    """

    name: str
    folder: Path
    shape: Shape
    queries: dict[Half, int]
    truth: dict[tuple[Half, int], npt.NDArray[np.int64]]


def prepare(source: Path, choice: Choice, folder: Path, cache: Path, report: Report) -> Collection:
    """Read the collection in `source`; write files for workers to `folder` and exact answers to `cache`.

    Raises InputError, VectorError or ParameterError.
    """
    documents, vocabulary = _read_documents(source, folder, report)
    deepest = max(choice.depths)
    if deepest > len(documents):
        raise ParameterError(f"-k {deepest}: expected at most {len(documents)}, the number of documents in {source}")
    queries = read_queries(choice.queries or find_named(source, "queries"), vocabulary)
    vectors = known_components(queries.vectors, documents.dimension)
    halves = _split(vectors, choice)
    for half, rows in halves.items():
        _plain(select(vectors, rows)).save(folder / half)
    shape = Shape(len(documents), documents.dimension, documents.nnz, int(np.diff(documents.indptr).max()))
    (folder / "shape.json").write_text(json.dumps(asdict(shape)))
    given = None if choice.queries else given_answers(source, queries.ids)
    truth: dict[tuple[Half, int], npt.NDArray[np.int64]] = {}
    for k in choice.depths:
        searched = {half: rows[: max(FEWEST, HITS[half] // k)] for half, rows in halves.items()}
        rows = np.concatenate(list(searched.values()))
        if given is not None and given.shape[1] >= k:
            answers = given[rows, :k]
        else:
            answers = exact_answers(documents, select(vectors, rows), k, cache, report)
        truth["tune", k], truth["report", k] = np.split(answers, [len(searched["tune"])])
    counts = {half: len(rows) for half, rows in halves.items()}
    return Collection(source.resolve().name, folder, shape, counts, truth)


def select(vectors: SparseVectors, rows: npt.NDArray[np.int64]) -> SparseVectors:
    """Return the vectors of `rows`, in that order."""
    lengths = np.diff(vectors.indptr)[rows]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    at = np.arange(indptr[-1]) + np.repeat(vectors.indptr[rows] - indptr[:-1], lengths)
    return SparseVectors.trusted(indptr, vectors.components[at], vectors.values[at], vectors.dimension)


def _read_documents(source: Path, folder: Path, report: Report) -> tuple[SparseVectors, Vocabulary | None]:
    tokens = Tokens()
    batches = read_collection([find_named(source, "documents")], Reading(tokens), partial(report, "read"))
    with collect(batches, beside=folder) as collected:
        dimension = collected.vectors.dimension
        _plain(collected.vectors).save(folder / "documents")
    vectors = SparseVectors.trusted(*Vectors.load(folder / "documents"), dimension)
    return vectors, Vocabulary(tokens) if tokens else None


def _plain(vectors: SparseVectors) -> Vectors:
    return Vectors(vectors.indptr, vectors.components.astype(np.uint32), vectors.values)


def _split(queries: SparseVectors, choice: Choice) -> dict[Half, npt.NDArray[np.int64]]:
    """Return the rows of each half, without queries that share no component with any document."""
    rows = np.random.default_rng(choice.seed).permutation(np.flatnonzero(np.diff(queries.indptr)))[: choice.limit]
    if len(rows) < 2:
        raise InputError(f"found {len(rows)} queries with components of the documents, expected at least 2")
    tune, report = np.array_split(rows, 2)
    return {"tune": tune, "report": report}


class Ordering(NamedTuple):
    """``numbers`` int64 [documents]: position -> document number; ``seconds``: time to compute that order."""

    numbers: npt.NDArray[np.int64]
    seconds: float


def order_documents(folder: Path, shape: Shape, threads: int) -> Ordering:
    """Write the documents again, as vectors `ordered`, with similar documents together."""
    documents = SparseVectors.trusted(*Vectors.load(folder / "documents"), shape.dimension)
    order = partial(builder.order_documents, params=BuildParams(), threads=threads, report=lambda *_: None)
    order(documents.slice(0, min(200, len(documents))))  # compiles
    began = time.perf_counter()
    numbers = order(documents).astype(np.int64)
    seconds = time.perf_counter() - began
    _plain(select(documents, numbers)).save(folder / "ordered")
    return Ordering(numbers, seconds)
