"""HTTP clients of a Seismic service: typed answers, the engine's errors, retries, connection pooling.

Needs the extra `client`. `Client` is blocking, `AsyncClient` asynchronous; both have the same methods.
"""

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
    WhyNot,
)

try:
    from seismic.client.asynchronous import AsyncClient
    from seismic.client.blocking import Client
    from seismic.client.retries import Retries
except ImportError as error:
    if error.name not in ("httpx", "tenacity"):
        raise
    raise ImportError("seismic.client needs httpx and tenacity: pip install 'seismic-search[client]'") from error

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
    "WhyNot",
]
