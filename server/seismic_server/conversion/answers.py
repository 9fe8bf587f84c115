"""Answers of the engine as JSON.

They are written by hand, because validating ten thousand hits by a model takes longer than finding them. Fields that
are None or were not requested are left out.
"""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from seismic import Answer, Hit, Index, ParameterError
from seismic.conversion.plain import to_json
from seismic.search.explain import Contribution, Explanation
from seismic_server.observe import tracing
from seismic_server.schemas.answers import ChosenProfile
from seismic_server.schemas.search import SearchRequest

_PROFILE = set(ChosenProfile.model_fields)
_EXPLANATION = TypeAdapter(Explanation)
_CONTRIBUTIONS = TypeAdapter(tuple[Contribution, ...])


def encode(content: Any) -> bytes:
    """Return JSON of anything that a column can hold."""
    with tracing.current().span("encode"):
        return orjson.dumps(content, default=_plain)


def state_of(index: Index) -> dict[str, Any]:
    """Return what every answer of a request says about the collection."""
    shards = len(index.manifest.shards)
    return {
        "generation": index.generation,
        "sequence": index.sequence,
        "shards": {"total": shards, "ok": shards},
    }


def content_of(index: Index, search: SearchRequest, answer: Answer, state: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a `SearchAnswer`, except the time it took."""
    hits = orjson.dumps(_hits(index, search, answer.hits), default=_plain)  # now, while they are in the CPU's cache
    content: dict[str, Any] = {"hits": orjson.Fragment(hits), "plan": answer.plan}
    if answer.profile is not None:
        content["profile"] = answer.profile.model_dump(include=_PROFILE)
    content |= {**state, "warnings": answer.warnings, "unknown_tokens": answer.unknown}
    if answer.matched is not None:
        content["matched"] = {"value": answer.matched, "relation": "eq"}
    if answer.groups is not None:
        content["groups"] = [{"value": one.value, "hits": _hits(index, search, one.hits)} for one in answer.groups]
    if answer.facets is not None:
        content["facets"] = answer.facets
    if answer.explanation is not None:
        content["explanation"] = _EXPLANATION.dump_python(answer.explanation, mode="json", exclude_none=True)
    return content


def _hits(index: Index, search: SearchRequest, hits: list[Hit]) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = [{"id": hit.id, "score": hit.score} for hit in hits]
    numbers = [hit.number for hit in hits]
    if search.with_payload is not False:
        columns = None if search.with_payload is True else search.with_payload
        for one, payload in zip(shown, index.payloads(numbers, columns), strict=True):
            one["payload"] = payload
    if search.with_vector is not False:
        for one, vector in zip(shown, vectors(index, numbers, search.with_vector), strict=True):
            one["vector"] = vector
    for one, hit in zip(shown, hits, strict=True) if search.explain else ():
        if hit.explanation is not None:
            one["explanation"] = _CONTRIBUTIONS.dump_python(hit.explanation, mode="json", exclude_none=True)
    return shown


def vectors(index: Index, numbers: Sequence[int], form: bool | str) -> list[dict[str, Any]]:
    """Return stored vectors by document number, in the form True or "tokens". Raises ParameterError."""
    stored, vocabulary = index.vectors(numbers), index.vocabulary
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
