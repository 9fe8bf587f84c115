"""Order the best hits of a search by other scores: those of the request, or of a cross-encoder."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.encoders.reranker import Reranker
from seismic.errors import InputError, ParameterError
from seismic.search.examples import numbers_of
from seismic.search.request import Rerank, SearchRequest
from seismic.search.task import Reranked, Result, Task
from seismic.view.view import View

NO_RERANKER = (
    "rerank: found no scores, and no reranker is loaded; give rerank.scores, or load one (`seismic serve --reranker "
    "FOLDER`, `seismic.load_reranker`)"
)


def check_rerank(view: View, request: SearchRequest, reranker: Reranker | None) -> None:
    """Check that a request can be reranked here. Raises ParameterError."""
    wanted = request.rerank
    assert wanted is not None
    if wanted.scores is not None:
        _numbers(view, wanted)
        return
    if reranker is None:
        raise ParameterError(NO_RERANKER)
    _text_of(request)
    schema = view.rules.schema
    if wanted.column not in schema.names or wanted.column == "id":
        known = ", ".join(view.documents.columns) or "no payload columns"
        raise ParameterError(f"rerank.column: found no column '{wanted.column}'; this collection has {known}")
    kind = schema.field(wanted.column).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ParameterError(f"rerank.column: '{wanted.column}' holds {kind}, expected texts")


def rerank(view: View, task: Task, result: Result, reranker: Reranker | None) -> Result:
    """Return the best hits of a task, ordered by the scores of its `rerank`; ties keep the order of the search.

    Hits without a score are left out, with a warning.
    """
    wanted = task.request.rerank
    assert wanted is not None
    numbers, first = result.numbers[: wanted.depth], result.scores[: wanted.depth].astype(np.float64)
    if wanted.scores is None:
        assert reranker is not None
        payloads = view.documents.payloads(numbers.tolist(), [wanted.column])
        texts = [payload[wanted.column] or "" for payload in payloads]
        second, warnings = reranker.score(_text_of(task.request), texts).astype(np.float64), tuple[str, ...]()
    else:
        second, warnings = _given(view, wanted, numbers)
    final = second + wanted.search_weight * first
    order = np.argsort(-final, kind="stable")  # NaN, for no score, comes last
    order = order[: np.count_nonzero(~np.isnan(second))]
    return result._replace(
        numbers=numbers[order],
        scores=final[order],
        reranked=Reranked(first[order], second[order]),
        warnings=(*result.warnings, *warnings),
    )


def _given(
    view: View, wanted: Rerank, numbers: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Return the request's scores of hits, NaN where there is none, and warnings."""
    assert wanted.scores is not None
    known = dict(zip(_numbers(view, wanted), (each.score for each in wanted.scores), strict=True))
    scores = np.array([known.get(number, np.nan) for number in numbers.tolist()])
    without, hits = int(np.isnan(scores).sum()), f"the best {len(numbers)} hits"
    warnings = [f"rerank.scores: {without} of {hits} have no score and are left out"] if without else []
    if others := len(known) - (len(numbers) - without):
        warnings.append(f"rerank.scores: {others} ids are not among {hits}")
    return scores, tuple(warnings)


def _numbers(view: View, wanted: Rerank) -> list[int]:
    """Return the document numbers of the request's scores; a negative one of its own for each unknown id."""
    ids = [each.id for each in wanted.scores or ()]
    if len(set(ids)) < len(ids):
        twice = next(one for at, one in enumerate(ids) if one in ids[:at])
        raise ParameterError(f"rerank.scores: found id {twice!r} twice, expected each once")
    try:
        found = numbers_of(view, ids)
    except InputError as error:
        raise ParameterError(f"rerank.scores: {error}") from None
    return [number if number >= 0 else -1 - at for at, number in enumerate(found)]


def _text_of(request: SearchRequest) -> str:
    """Return the text that documents are compared with."""
    assert request.rerank is not None
    query: Any = request.query
    if request.rerank.text is not None:
        return request.rerank.text
    if isinstance(query, str):
        return query
    if isinstance(query, Mapping) and query.keys() == {"text"}:
        return str(query["text"])
    raise ParameterError("rerank.text: the query is no text, so the reranker needs one; give rerank.text")
