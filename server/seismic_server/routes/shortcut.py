"""Plain searches like those that were answered before, on the event loop and past ASGI."""

import time
from typing import Any, NamedTuple

import numpy as np
import orjson
from pydantic import TypeAdapter

from seismic import Index
from seismic.query import Query, plain_query
from seismic.stop import Stop, stoppable_by
from seismic.view.view import View
from seismic_server.access.limits import check_query
from seismic_server.access.values import VALUE_BYTES, values_of
from seismic_server.conversion import answers
from seismic_server.conversion.body import Body
from seismic_server.costs import MOST_TERMS, is_plain, is_short, key_of_plain, spent
from seismic_server.http.middleware import PARSED_SIZE, request_id_of
from seismic_server.http.parts import SLICE_BYTES
from seismic_server.http.shortcut import Answered, PlainRequest
from seismic_server.observe.access_log import Finished
from seismic_server.observe.audit import is_exact
from seismic_server.observe.tracing import OpenTelemetryTracer
from seismic_server.routes import search
from seismic_server.routes.repeated import ROOM, Repeated, answer_of, find, keep, repeated
from seismic_server.schemas.search import AnyQuery, SearchRequest
from seismic_server.service import Service

MOST_FRAMES = 1000
"""Frames that are kept; beyond that all are validated again."""

ROUTE = "/v1/collections/{name}/search"

_QUERY: TypeAdapter[Any] = TypeAdapter(AnyQuery)
_SEARCH = TypeAdapter(SearchRequest)
_NO_FIELDS = b"{}"
_NO_QUERY = {"indices": [0], "values": [1.0]}


class _Frame(NamedTuple):
    """All fields of a search except its query. `size`: bytes leased for its values; `named`: it names columns."""

    search: SearchRequest
    size: int
    named: bool


class PlainSearches:
    """The shortcut of a service's plain searches.

    All fields of a request except its query are its frame. A client's requests have few different frames, so each is
    validated once; and what answers with the same frame and view have in common is made once.
    """

    def __init__(self, service: Service) -> None:
        self._service, self._settings = service, service.settings
        self._traced = isinstance(service.tracer, OpenTelemetryTracer)
        self._frames: dict[bytes, _Frame | None] = {}
        self._stop = Stop()  # one for all: searches on the event loop run one after another
        self._most_terms = min(MOST_TERMS, service.settings.max_components)
        self._out = np.empty(ROOM, np.uint8)

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
            query = given.pop("query")
            fields = orjson.dumps(given) if given else _NO_FIELDS  # where True, 1 and 1.0 differ
            if fields not in self._frames:
                self._add_frame(fields, given)
            frame = self._frames[fields]
            body = frame and self._searched(request, fields, frame, query)
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

    def _searched(self, request: PlainRequest, fields: bytes, frame: _Frame, query: Any) -> bytes | None:
        """Answer a search that is expected to be short."""
        started, costs = time.perf_counter(), self._service.costs
        index = self._service.collections.ready(request.collection)
        view = index.view
        if known := view.memo.get(fields):
            if not costs.expects_short(known.key):
                return None
            parsed = plain_query(query, view.dimension)
            if parsed is not None and len(parsed.components) <= self._most_terms:
                return self._repeated(request, frame, index, view, known, parsed, started)
        return self._first(request, fields, frame, index.frozen(), query, started)

    def _repeated(
        self,
        request: PlainRequest,
        frame: _Frame,
        index: Index,
        view: View,
        known: Repeated,
        query: Query,
        started: float,
    ) -> bytes | None:
        """Answer a search that differs from an earlier one by its query only."""
        service, size = self._service, len(request.body) * PARSED_SIZE + frame.size
        request.scope["state"]["key"] = service.admission.admit(request.scope)  # the long way does not ask again
        service.memory.begin(size)
        self._stop.restart(self._settings.timeout_ms)
        try:
            began = service.costs.begin_sampled()
            with stoppable_by(self._stop):
                hits = find(index, view, known, query, self._out)
            if began is not None:
                service.costs.add(known.key, began)
        finally:
            self._stop.close()
            service.memory.end(size)
        if hits is None:
            return None
        body = answer_of(known, hits.text, search.since(started))
        if len(body) > self._settings.max_answer_bytes:
            return None
        service.metrics.count_search(hits.search)
        return body

    def _first(
        self, request: PlainRequest, fields: bytes, frame: _Frame, index: Index, query: Any, started: float
    ) -> bytes | None:
        """Do what middleware and route do, in their order, and keep what later answers have in common."""
        service, settings, asked = self._service, self._settings, frame.search
        key = key_of_plain(index, asked.end)
        if not (is_short(query) and service.costs.expects_short(key)):
            return None
        parsed = None if index.view.fields else plain_query(query, index.dimension)
        if parsed is None:
            query = _QUERY.validate_python(query)
        check_query(query, settings)
        if frame.named:
            search.check_search(asked, query, settings, index)
        request.scope["state"]["key"] = service.admission.admit(request.scope)
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
                exact = is_exact(asked.params, answer)
                if settings.audit_every and not exact:
                    service.auditor.offer(index, asked.model_copy(update={"query": query}), answer)
                state = answers.state_of(index)
                answers.write_answer(body, index, asked, answer, state, lambda: search.since(started))
                if parsed and (exact or not settings.audit_every):
                    keep(index, fields, repeated(index, asked, answer, key))
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
