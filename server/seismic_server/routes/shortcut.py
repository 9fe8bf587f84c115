"""Plain searches like those that were answered before, on the event loop and past ASGI."""

import time
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter

from seismic.query import plain_query
from seismic.stop import Stop, stoppable_by
from seismic_server.access.limits import check_query
from seismic_server.access.values import VALUE_BYTES, values_of
from seismic_server.conversion import answers
from seismic_server.conversion.body import Body
from seismic_server.costs import is_plain, is_short, key_of_plain, spent
from seismic_server.http.middleware import PARSED_SIZE, request_id_of
from seismic_server.http.parts import SLICE_BYTES
from seismic_server.http.shortcut import Answered, PlainRequest
from seismic_server.observe.access_log import Finished
from seismic_server.observe.audit import is_exact
from seismic_server.observe.tracing import OpenTelemetryTracer
from seismic_server.routes import search
from seismic_server.schemas.search import AnyQuery, SearchRequest
from seismic_server.service import Service

MOST_FRAMES = 1000
"""Frames that are kept; beyond that all are validated again."""

ROUTE = "/v1/collections/{name}/search"

_QUERY: TypeAdapter[Any] = TypeAdapter(AnyQuery)
_SEARCH = TypeAdapter(SearchRequest)
_NO_QUERY = {"indices": [0], "values": [1.0]}


class _Frame(NamedTuple):
    """All fields of a search except its query. `size`: bytes leased for its values; `named`: it names columns."""

    search: SearchRequest
    size: int
    named: bool


class PlainSearches:
    """The shortcut of a service's plain searches.

    All fields of a request except its query are its frame. A client's requests have few different frames, so each is
    validated once.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._settings = service, service.settings
        self._traced = isinstance(service.tracer, OpenTelemetryTracer)
        self._frames: dict[bytes, _Frame | None] = {}
        self._stop = Stop()  # one for all: searches on the event loop run one after another

    def answer(self, request: PlainRequest) -> Answered | None:
        """Answer a request, count and log it; None to let the application do all of that.

        What raises here raises there again.
        """
        if self._traced or len(request.body) > self._settings.max_body_bytes:
            return None
        try:
            given = orjson.loads(request.body)
            if type(given) is not dict or "query" not in given:
                return None
            query, fields = given.pop("query"), orjson.dumps(given)  # where True, 1 and 1.0 differ
            if fields not in self._frames:
                self._add_frame(fields, given)
            frame = self._frames[fields]
            body = frame and self._searched(request, frame, query)
        except Exception:  # the long way logs and answers it
            return None
        if not body:
            return None
        if len(body) > SLICE_BYTES:
            self._frames[fields] = None  # the application sends large answers as fast as the client reads
            return None
        return self._ended(request, body)

    def _add_frame(self, fields: bytes, given: dict[str, Any]) -> None:
        """Validate a frame. Raises ValidationError and ParameterError."""
        if len(self._frames) >= MOST_FRAMES:
            self._frames = {}
        frame = _SEARCH.validate_python(given | {"query": _NO_QUERY})
        values, settings = values_of(frame), self._settings
        waits = frame.min_sequence is not None or frame.params.timeout_ms is not None
        if waits or not is_plain(frame) or frame.end > settings.max_limit or values > settings.max_answer_values:
            self._frames[fields] = None
        else:
            named = isinstance(frame.with_payload, list) or frame.with_vector == "tokens"
            self._frames[fields] = _Frame(frame, values * VALUE_BYTES, named)

    def _searched(self, request: PlainRequest, frame: _Frame, query: Any) -> bytes | None:
        """Do what middleware and route do, in their order, for a search that is expected to be short."""
        started, service, settings, asked = time.perf_counter(), self._service, self._settings, frame.search
        index = service.collections.ready(request.collection).frozen()
        key = key_of_plain(index, asked.end)
        if not (is_short(query) and service.costs.expects_short(key)):
            return None
        parsed = None if index.view.fields else plain_query(query, index.dimension)
        if parsed is None:
            query = _QUERY.validate_python(query)
        check_query(query, settings)
        if frame.named:
            search.check_search(asked, query, settings, index)
        request.scope["state"]["key"] = service.admission.admit(request.scope)  # the long way does not ask again
        self._stop.restart(settings.timeout_ms)
        try:
            with service.memory.lease() as lease, stoppable_by(self._stop):
                lease.grow(len(request.body) * PARSED_SIZE + frame.size)
                body = Body(settings.max_answer_bytes)
                self._stop.limit = body.reserve
                began, searching = spent(), time.perf_counter()
                answer = index.ask_with(asked, parsed or query)
                service.costs.add(key, began)
                service.metrics.count_answers(index.name, [answer], time.perf_counter() - searching)
                if settings.audit_every and not is_exact(asked.params, answer):
                    service.auditor.offer(index, asked.model_copy(update={"query": query}), answer)
                state = answers.state_of(index)
                answers.write_answer(body, index, asked, answer, state, lambda: search.since(started))
                return b"".join(body.parts)
        finally:
            self._stop.close()

    def _ended(self, request: PlainRequest, body: bytes) -> Answered:
        scope, seconds = request.scope, time.perf_counter() - request.started
        request_id, client = request_id_of(scope["headers"]), scope["client"]
        caller = client[0] if client else None
        path = scope["raw_path"].decode()
        self._service.access_log.add(Finished(request_id, "POST", path, ROUTE, 200, None, seconds, caller, time.time()))
        return Answered(body, request_id)
