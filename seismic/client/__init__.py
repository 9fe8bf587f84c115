"""HTTP clients of a Seismic service: typed answers, the engine's errors, retries, connection pooling.

Needs the extra `client`. `Client` is blocking, `AsyncClient` asynchronous; both have the same methods.
"""

from seismic.clash import refuse_clash
from seismic.client.batching import Batching
from seismic.client.models import (
    Change,
    CollectionInfo,
    Contribution,
    Count,
    Document,
    Facet,
    Generation,
    Group,
    Hit,
    Job,
    Matched,
    NewCollection,
    NewDocument,
    Page,
    PatchOptions,
    ScrollOptions,
    SearchAnswer,
    SearchOptions,
    Snapshot,
    Snippet,
    WhyNot,
)
from seismic.extras import explain

refuse_clash()

try:
    from seismic.client.asynchronous import AsyncClient
    from seismic.client.blocking import Client
    from seismic.client.retries import Retries
except ImportError as error:
    if (problem := explain(error)) is None:
        raise
    raise ImportError(f"seismic.client: {problem}", name=error.name) from error

__all__ = [
    "AsyncClient",
    "Batching",
    "Change",
    "Client",
    "CollectionInfo",
    "Contribution",
    "Count",
    "Document",
    "Facet",
    "Generation",
    "Group",
    "Hit",
    "Job",
    "Matched",
    "NewCollection",
    "NewDocument",
    "Page",
    "PatchOptions",
    "Retries",
    "ScrollOptions",
    "SearchAnswer",
    "SearchOptions",
    "Snapshot",
    "Snippet",
    "WhyNot",
]
