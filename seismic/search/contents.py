"""Payloads of hits, and an index as notebooks show it."""

from collections.abc import Sequence
from typing import Any

from seismic.conversion.plain import excerpt
from seismic.errors import ParameterError
from seismic.search.answer import Answer
from seismic.search.hits import FullHit, Hits, html_facts
from seismic.view.view import View


def with_payloads(view: View, answer: Answer, wanted: bool | Sequence[str]) -> Answer:
    """Return an answer whose hits have their payload, or the columns `wanted`. Raises ParameterError."""
    if not isinstance(wanted, bool) and (isinstance(wanted, str) or not isinstance(wanted, Sequence)):
        raise ParameterError(f"with_payload is {excerpt(wanted)}, expected True, False or a list of column names")
    columns = None if wanted is True else list(wanted or [])

    def full(hits: Hits) -> Hits:
        payloads = view.documents.payloads([hit.number for hit in hits], columns)
        return Hits(FullHit.of(hit, payload=payload) for hit, payload in zip(hits, payloads, strict=True))

    return answer.with_hits(full)


def html_of(name: str, view: View) -> str:
    """Return what a collection holds, as HTML."""
    manifest, facts = view.manifest, list[tuple[str, Any]]()
    facts.append(("documents", f"{view.live:,}"))
    facts.append(("columns", ", ".join(view.documents.columns) or "none"))
    facts.append(("components", f"{view.dimension:,}"))
    if manifest.encoder:
        facts.append(("encoder", f"{manifest.encoder.name} of {', '.join(manifest.encoder.fields)}"))
    if len(view.fields) > 1:
        facts.append(("fields", ", ".join(field.name for field in view.fields)))
    facts += [("generation", manifest.generation), ("size", f"{manifest.bytes / 1e6:,.1f} MB")]
    return html_facts(name, facts)
