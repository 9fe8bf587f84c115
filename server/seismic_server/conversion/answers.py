"""Answers of the engine as JSON.

They are written by hand, because validating ten thousand hits by a model takes longer than finding them. Fields that
are None or were not requested are left out.
"""

import resource
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from seismic import Answer, Group, Hit, Index, ParameterError, Scores
from seismic.conversion.plain import to_json
from seismic.fields.joined import JoinedVocabulary
from seismic.fields.shown import shown_by_field
from seismic.search.explain import Contribution, Explanation
from seismic_server.conversion.body import Body
from seismic_server.observe import tracing
from seismic_server.observe.tracing import Tracer
from seismic_server.schemas.answers import ChosenProfile
from seismic_server.schemas.search import SearchRequest

FIRST_HITS = 16
"""Hits that are written before the mean size of a hit is known."""

PART_BYTES = 1 << 20
"""JSON of hits that are written together."""

HEADROOM = 32 << 20
"""Bytes that must be free before JSON is written, if the process has a limit: orjson crashes where an allocation
fails."""

_LIMITED = any(
    resource.getrlimit(kind)[0] != resource.RLIM_INFINITY for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)
)

_UNTRACED = Tracer()
_PROFILE = set(ChosenProfile.model_fields)
_EXPLANATION = TypeAdapter(Explanation)
_CONTRIBUTIONS = TypeAdapter(tuple[Contribution, ...])


def encode(content: Any) -> bytes:
    """Return JSON of anything that a column can hold."""
    with tracing.current().span("encode"):
        return dumps(content)


def dumps(content: Any) -> bytes:
    """Return JSON of anything that a column can hold, untraced.

    Raises MemoryError, which becomes a 503, before orjson runs out of memory.
    """
    if _LIMITED:
        bytearray(HEADROOM)
    return orjson.dumps(content, default=_plain)


def state_of(index: Index) -> dict[str, Any]:
    """Return what every answer of a request says about the collection."""
    shards = len(index.manifest.shards)
    return {
        "generation": index.generation,
        "sequence": index.sequence,
        "shards": {"total": shards, "ok": shards},
    }


def write_answer(
    body: Body,
    index: Index,
    search: SearchRequest,
    answer: Answer,
    state: dict[str, Any],
    took: Callable[[], float],
    tracer: Tracer = _UNTRACED,
) -> None:
    """Write a `SearchAnswer` with `state` and the milliseconds that it `took`.

    Raises ParameterError and OverloadedError.
    """
    few = len(answer.hits) <= FIRST_HITS and answer.groups is None and answer.reranked is None
    with tracer.span("payloads"):
        if few:
            hits = _hits(index, search, answer.hits, answer.reranked)
        else:
            _write_found(body, index, search, answer)
    with tracer.span("encode"):
        rest = _rest(answer, {**state, "took_ms": took()})
        body.add(dumps({"hits": hits, **rest}) if few else b"," + dumps(rest)[1:])


def around_hits(answer: Answer, state: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Return the JSON of a `SearchAnswer` before its hits, from there to the milliseconds that it took, and after."""
    between, after = dumps(_rest(answer, {**state, "took_ms": None})).split(b'"took_ms":null')
    return b'{"hits":', b"," + between[1:] + b'"took_ms":', after


def _write_found(body: Body, index: Index, search: SearchRequest, answer: Answer) -> None:
    """Write the first fields of a `SearchAnswer`, its hits and groups."""
    body.add(b'{"hits":')
    _write_hits(body, index, search, answer.hits, answer.reranked)
    if answer.groups is not None:
        _write_groups(body, index, search, answer.groups)


def _rest(answer: Answer, state: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `SearchAnswer` after its hits and groups; they include `state`."""
    content: dict[str, Any] = {"plan": answer.plan, "exact": answer.exact}
    if answer.profile is not None:
        content["profile"] = answer.profile.model_dump(include=_PROFILE)
    if answer.shards_missing:
        total = state["shards"]["total"]
        state = state | {"shards": {"total": total, "ok": total - answer.shards_missing}}
    content |= {**state, "warnings": answer.warnings, "unknown_tokens": answer.unknown}
    if answer.matched is not None:
        content["matched"] = {"value": answer.matched, "relation": "eq"}
    if answer.facets is not None:
        content["facets"] = answer.facets
    if answer.explanation is not None:
        content["explanation"] = _EXPLANATION.dump_python(answer.explanation, mode="json", exclude_none=True)
    return content


def _write_groups(body: Body, index: Index, search: SearchRequest, groups: Sequence[Group]) -> None:
    body.add(b',"groups":[')
    for at, group in enumerate(groups):
        value = dumps(group.value)
        body.add(b'%b{"value":%b,"hits":' % (b"," if at else b"", value))
        _write_hits(body, index, search, group.hits)
        body.add(b"}")
    body.add(b"]")


def _write_hits(
    body: Body, index: Index, search: SearchRequest, hits: list[Hit], reranked: list[Scores] | None = None
) -> None:
    write_list(body, len(hits), lambda part: _hits(index, search, hits[part], reranked[part] if reranked else None))


def write_documents(
    body: Body, index: Index, numbers: list[int], with_payload: bool | Sequence[str], with_vector: bool | str
) -> None:
    """Write documents by number, as a list of `StoredDocument`. Raises ParameterError and OverloadedError."""
    ids = index.document_ids(numbers)

    def shown(part: slice) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = [{"id": id} for id in ids[part]]
        return _with_contents(index, listed, numbers[part], with_payload, with_vector)

    if not numbers:  # report wrong columns and forms all the same
        shown(slice(0))
    write_list(body, len(numbers), shown)


def write_list(body: Body, length: int, shown: Callable[[slice], list[dict[str, Any]]]) -> None:
    """Write a list, a few elements at a time, because Python's objects take many times the memory of their JSON."""
    if length <= FIRST_HITS:
        body.add(dumps(shown(slice(length))))
        return
    at, count, before = 0, FIRST_HITS, body.size
    while at < length:
        part = dumps(shown(slice(at, at + count)))
        body.add((b"," if at else b"[") + memoryview(part)[1:-1])
        at += count
        count = max(1, PART_BYTES * at // (body.size - before))
    body.add(b"]")


def _hits(
    index: Index, search: SearchRequest, hits: list[Hit], reranked: list[Scores] | None = None
) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = [{"id": hit.id, "score": hit.score} for hit in hits]
    for one, scores in zip(shown, reranked or (), strict=False):
        one |= {"search_score": scores.search, "rerank_score": scores.rerank}
    _with_contents(index, shown, [hit.number for hit in hits], search.with_payload, search.with_vector)
    for one, hit in zip(shown, hits, strict=True) if search.snippet else ():
        if hit.snippet is not None:
            one["snippet"] = hit.snippet._asdict()
    for one, hit in zip(shown, hits, strict=True) if search.explain else ():
        if hit.explanation is not None:
            one["explanation"] = _CONTRIBUTIONS.dump_python(hit.explanation, mode="json", exclude_none=True)
            if parts := hit.fields:
                one["fields"] = parts
    return shown


def _with_contents(
    index: Index,
    shown: list[dict[str, Any]],
    numbers: list[int],
    with_payload: bool | Sequence[str],
    with_vector: bool | str,
) -> list[dict[str, Any]]:
    """Add payloads and vectors to what is shown of documents, and return it."""
    if with_payload is not False:
        columns = None if with_payload is True else with_payload
        for one, payload in zip(shown, index.payloads(numbers, columns), strict=True):
            one["payload"] = payload
    if with_vector is not False:
        for one, vector in zip(shown, vectors(index, numbers, with_vector), strict=True):
            one["vector"] = vector
    return shown


def vectors(index: Index, numbers: Sequence[int], form: bool | str) -> list[dict[str, Any]]:
    """Return stored vectors by document number, in the form True or "tokens". Raises ParameterError."""
    stored, vocabulary = index.vectors(numbers), index.vocabulary
    if isinstance(vocabulary, JoinedVocabulary):
        return [{"fields": one} for one in shown_by_field(vocabulary, stored, tokens=form == "tokens")]
    pairs = [tuple(array.tolist() for array in stored[row]) for row in range(len(stored))]
    if form is True:
        return [{"indices": components, "values": values} for components, values in pairs]
    if vocabulary is None:
        raise ParameterError("with_vector: this collection has no vocabulary, so no tokens; use true or false")
    return [
        {"tokens": dict(zip(map(vocabulary.token, components), values, strict=True))} for components, values in pairs
    ]


def _plain(value: Any) -> Any:
    """Return a value without a JSON type as one that has it."""
    return to_json(value) if isinstance(value, bytes | Decimal | timedelta) else to_jsonable_python(value)
