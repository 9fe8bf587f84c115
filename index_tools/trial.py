"""One plan on trial: all queries searched with one set of parameters, and what came of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ir_measures import Qrel, ScoredDoc

from index_tools.metrics import effectiveness, latency, recall
from index_tools.queries import Queries
from index_tools.report import PlanResult
from seismic import Index, SearchParams


@dataclass(frozen=True, slots=True)
class Trial:
    """Searches for `queries` with `params`; `threads` matter for queries per second only."""

    index: Index
    queries: Queries
    params: SearchParams
    threads: int = 1

    def search(self, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Document numbers and scores, both [queries, k]."""
        return self.index.search_batch(self.queries.vectors, k, params=self.params, threads=self.threads)

    def run(self, k: int) -> list[ScoredDoc]:
        """The same as a run: queries in order, each with its best document first, ids as text."""
        numbers, scores = self.search(k)
        return [
            ScoredDoc(query, str(document), score)
            for query, row, row_scores in zip(self.queries.ids, numbers, scores.tolist(), strict=True)
            for document, score in zip(self.index.document_ids(row[row >= 0].tolist()), row_scores, strict=False)
        ]

    def measure(self, k: int, exact: npt.NDArray[np.int64], qrels: Sequence[Qrel]) -> PlanResult:
        """Everything about this plan at depth k. `exact`: the true document numbers [queries, k]."""
        vectors = self.queries.vectors
        each = [vectors.slice(row, row + 1) for row in range(len(vectors))]
        answers = [self.index.answer(query, k, params=self.params) for query in each]  # warms up, too
        times = latency(lambda query: self.index.search(query, k, params=self.params), each)
        profile = answers[0].profile
        began = time.perf_counter()
        numbers, _ = self.search(k)
        seconds = time.perf_counter() - began
        return PlanResult(
            plan=answers[0].plan,
            params=self.params.model_dump(),
            profile=profile.model_dump() if profile else None,
            recall=recall(numbers, exact),
            effectiveness=effectiveness(qrels, self.run) if qrels else {},
            latency=times,
            queries_per_second=len(each) / seconds,
            documents_scored=float(np.mean([answer.stats.documents_scored for answer in answers])),
        )
