"""Spans of a request."""

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from seismic import ParameterError
from seismic_server import Settings, create_app, service
from seismic_server.observe.tracing import OpenTelemetryTracer

pytestmark = pytest.mark.anyio

URL = "/v1/collections/tiny/search"
BODY = {"query": {"indices": [1], "values": [1.0]}}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The exporter that receives the spans of services started by the test."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(service, "OpenTelemetryTracer", lambda: OpenTelemetryTracer(exporter))
    return exporter


async def test_a_search_has_a_span_for_each_part(running, tiny, spans):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
    async with running(tiny, tracing=True) as client:
        assert (await client.post(URL, json=BODY, headers=headers)).status_code == 200
    mine = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE]
    assert [span.name for span in mine] == [
        "parse",
        "wait",
        "search",
        "payloads",
        "encode",
        "POST /v1/collections/{name}/search",
    ]
    *parts, request = mine
    assert f"{request.parent.span_id:016x}" == PARENT
    assert {part.parent.span_id for part in parts} == {request.context.span_id}
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["seismic.request_id"] == "mine"
    assert request.start_time <= parts[0].start_time
    assert max(part.end_time for part in parts) <= request.end_time


async def test_failures_have_spans_too(running, tiny, spans):
    async with running(tiny, tracing=True) as client:
        await client.get("/nope")
    (found,) = [span for span in spans.get_finished_spans() if span.attributes["http.response.status_code"] == 404]
    assert (found.name, found.attributes["url.path"]) == ("GET", "/nope")


def test_tracing_needs_its_packages(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ParameterError, match=r"setting 'tracing' needs OpenTelemetry: pip install"):
        create_app(Settings(directory=tiny, tracing=True))
