"""Search all queries with one set of parameters, and measure that."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from ir_measures import Qrel, ScoredDoc

from seismic import Index, SearchParams
from seismic_tools.measure.evaluate.results import Depth, QuerySample, Setting
from seismic_tools.measure.metrics import MEASURES, effectiveness, latencies, recall, summary
from seismic_tools.readers.queries import Queries

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Trial:
    """Searches for `queries` with `params`, run once per depth.

    `ignore_same_id`: leave the document with the id of the query out of runs, where queries are documents.
    """

    index: Index
    queries: Queries
    params: SearchParams
    ignore_same_id: bool = False
    _found: dict[int, Found] = field(default_factory=dict)

    def search(self, k: int) -> Found:
        """Return document numbers and scores, both [queries, k]."""
        if k not in self._found:
            self._found[k] = self.index.search_batch(self.queries.vectors, k, params=self.params)
        return self._found[k]

    def run(self, k: int) -> list[ScoredDoc]:
        """Return the hits as a run: queries in order, best documents first, ids as text."""
        numbers, scores = self.search(k + self.ignore_same_id)
        hits = []
        for query, row, row_scores in zip(self.queries.ids, numbers, scores.tolist(), strict=True):
            ids = map(str, self.index.document_ids(row[row >= 0].tolist()))
            found = [ScoredDoc(query, name, score) for name, score in zip(ids, row_scores, strict=False)]
            hits += [hit for hit in found if not (self.ignore_same_id and hit.doc_id == query)][:k]
        return hits

    def measure(
        self,
        depths: Sequence[int],
        truth: "Trial",
        qrels: Sequence[Qrel],
        threads: Sequence[int],
        measures: Sequence[Any] = MEASURES,
    ) -> tuple[Setting, list[QuerySample]]:
        """Measure this setting, and its queries at the first depth. `truth` is the exact trial."""
        measured = [self._at(k, truth) for k in depths]
        setting = Setting(
            params=self.params.model_dump(exclude_none=True),
            depths=[depth for depth, _ in measured],
            effectiveness=effectiveness(qrels, self.run, measures) if qrels else {},
            queries_per_second={count: self._throughput(depths[0], count) for count in threads},
        )
        return setting, measured[0][1]

    def _at(self, k: int, truth: "Trial") -> tuple[Depth, list[QuerySample]]:
        vectors = self.queries.vectors
        each = [vectors.slice(row, row + 1) for row in range(len(vectors))]
        answers = [self.index.answer(query, k, params=self.params) for query in each]  # also warms up
        times = latencies(lambda query: self.index.search(query, k, params=self.params), each)
        samples = [
            QuerySample(query.nnz, microseconds, answer.stats.blocks_visited)
            for query, microseconds, answer in zip(each, times.tolist(), answers, strict=True)
        ]
        profile = answers[0].profile
        depth = Depth(
            k=k,
            plan=answers[0].plan,
            profile=profile.model_dump() if profile else None,
            recall=recall(self.search(k)[0], truth.search(k)[0]),
            latency=summary(times),
            blocks_visited=float(np.mean([answer.stats.blocks_visited for answer in answers])),
            documents_scored=float(np.mean([answer.stats.documents_scored for answer in answers])),
        )
        return depth, samples

    def _throughput(self, k: int, threads: int) -> float:
        began = time.perf_counter()
        self.index.search_batch(self.queries.vectors, k, params=self.params, threads=threads)
        return len(self.queries.ids) / (time.perf_counter() - began)
