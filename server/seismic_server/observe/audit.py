"""Audited recall: compare one answer in N with the exact one, in the background."""

import itertools
import os
import queue
import threading
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import structlog

from seismic import Answer, Hit, Index, SearchParams, SearchRequest
from seismic.measure.recall import shares_found
from seismic_server.observe.metrics import Metrics

MOST_WAITING = 16
"""Audits that may wait. Further ones are dropped, so that audits add no load to a busy service."""

LOWEST_PRIORITY = 19
"""Niceness of the auditing thread: searches come first."""

log = structlog.get_logger("server")


class Audit(NamedTuple):
    """An answer to compare with the exact answer to the same search of the same view."""

    frozen: Index
    search: SearchRequest
    target: str
    k: str
    hits: list[Hit]


class Auditor:
    """Audit one in `every` answers that are not exact by construction; none if it is 0."""

    def __init__(self, every: int, metrics: Metrics) -> None:
        self._every, self._metrics = every, metrics
        self._count = itertools.count(1)  # its next() is atomic
        self._waiting: queue.Queue[Audit | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Start auditing."""
        self._thread.start()

    def offer(self, index: Index, search: SearchRequest, answer: Answer) -> None:
        """Queue an answer if it is the next to audit. `index` must be frozen."""
        if search.rerank is not None:  # its hits depend on other scores
            return
        if not self._every or not answer.hits or is_exact(search.params, answer) or next(self._count) % self._every:
            return
        target, k = (answer.profile.target, answer.profile.k) if answer.profile else ("", "")
        try:
            self._waiting.put_nowait(Audit(index, search, str(target), str(k), answer.hits))
        except queue.Full:
            self._metrics.audits_dropped.inc()

    def stop(self) -> None:
        """Finish the running audit and drop those that wait."""
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)  # on Linux, of this thread only
        while (audit := self._waiting.get()) is not None:
            try:
                exact = audit.frozen.ask(audit.search.model_copy(update={"params": SearchParams()}))
                (recall,) = shares_found(_numbers(audit.hits), _numbers(exact.hits))
            except Exception:
                log.exception("an audit failed", collection=audit.frozen.name)
            else:
                self._metrics.recall.labels(audit.frozen.name, audit.target, audit.k).observe(recall)


def is_exact(params: SearchParams, answer: Answer) -> bool:
    """Return whether an answer is exact by construction."""
    if answer.profile:
        return answer.profile.exact
    return answer.plan == "exact" and (params.heap_factor or 1.0) <= 1.0 and (params.bound_share or 1.0) == 1.0


def _numbers(hits: list[Hit]) -> npt.NDArray[np.int64]:
    return np.array([[hit.number for hit in hits]], np.int64)
