"""OpenTelemetry spans, if enabled: request, parse, wait, search, payloads, encode."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from starlette.types import Scope

from seismic import ParameterError, __version__

_NOTHING = nullcontext()


class Tracer:
    """A tracer that records nothing."""

    def request(self, scope: Scope) -> AbstractContextManager[Any]:  # noqa: ARG002
        """Open a span around a request, as a child of the caller's (traceparent)."""
        return _NOTHING

    def span(self, name: str) -> AbstractContextManager[Any]:  # noqa: ARG002
        """Open a span around a part of the request."""
        return _NOTHING

    def passed(self, name: str, seconds: float) -> None:
        """Record a span of the given length that ends now."""

    def close(self) -> None:
        """Send the remaining spans."""


class OpenTelemetryTracer(Tracer):
    """A tracer that sends spans to OTEL_EXPORTER_OTLP_ENDPOINT, or to `exporter`; other OTEL_ variables apply, too.

    Raises ParameterError if OpenTelemetry is not installed.
    """

    def __init__(self, exporter: Any = None) -> None:
        try:
            from opentelemetry import propagate, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise ParameterError(
                "setting 'tracing' needs OpenTelemetry: pip install 'seismic-search[tracing]'"
            ) from None
        self._extract, self._kinds = propagate.extract, trace.SpanKind
        resource = Resource({"service.name": "seismic", "service.version": __version__}).merge(Resource.create())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("seismic", __version__)

    @contextmanager
    def request(self, scope: Scope) -> Iterator[None]:
        """Open a span around a request, as a child of the caller's (traceparent)."""
        headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        with self._tracer.start_as_current_span(
            scope["method"], context=self._extract(headers), kind=self._kinds.SERVER
        ) as span:
            yield
            route = getattr(scope.get("route"), "path", None)
            if route:
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("url.path", scope["path"])
            span.set_attribute("http.response.status_code", scope["state"]["status"])
            span.set_attribute("seismic.request_id", scope["state"]["request_id"])

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Open a span around a part of the request."""
        return self._tracer.start_as_current_span(name)

    def passed(self, name: str, seconds: float) -> None:
        """Record a span of the given length that ends now."""
        now = time.time_ns()
        self._tracer.start_span(name, start_time=now - int(seconds * 1e9)).end(now)

    def close(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()


_PARSING: ContextVar[float] = ContextVar("parsing")
_CURRENT: ContextVar[Tracer] = ContextVar("tracer", default=Tracer())  # noqa: B039 (without state)


def current() -> Tracer:
    """Return the tracer of the current request."""
    return _CURRENT.get()


def traced(tracer: Tracer, scope: Scope) -> AbstractContextManager[Any]:
    """Make `tracer` the current one in this request's context, and open the request's span."""
    _CURRENT.set(tracer)
    return tracer.request(scope)


def parsing_begins() -> None:
    """Note that the body of this request has arrived."""
    _PARSING.set(time.perf_counter())


def parsing_ends() -> None:
    """Record the span from the body's arrival to now."""
    current().passed("parse", time.perf_counter() - _PARSING.get())
