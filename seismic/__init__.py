"""Seismic: learned-sparse retrieval over memory-mapped indexes.

>>> import seismic
>>> seismic.build(vectors, "idx")                                        # doctest: +SKIP
>>> index = seismic.open("idx")                                          # doctest: +SKIP
>>> index.search({"indices": [7, 42], "values": [1.2, 0.4]}, k=10)       # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seismic.clash import refuse_clash
from seismic.version import __version__

if TYPE_CHECKING:
    from seismic.builder.build import build
    from seismic.changes.updates import add_columns
    from seismic.edits.functions import Changed, delete, patch, upsert
    from seismic.encoders import (
        Bm25,
        Chunking,
        Encoded,
        Encoder,
        EncoderEntry,
        Fitted,
        Reranker,
        encode_texts,
        extend_bm25,
        fit_bm25,
        load_encoder,
        load_reranker,
    )
    from seismic.errors import (
        ConflictError,
        CorruptIndexError,
        DeadlineError,
        EncoderError,
        FilterError,
        FormatError,
        IndexNotFoundError,
        InputError,
        LockedError,
        OutputExistsError,
        ParameterError,
        QueryError,
        SeismicError,
        StoppedError,
        StorageError,
        VectorError,
    )
    from seismic.fields.entry import FieldEntry
    from seismic.index import Index
    from seismic.index import open_index as open
    from seismic.maintenance.compaction import compact
    from seismic.maintenance.create import create
    from seismic.maintenance.lifecycle import alias, aliases, collections, drop, rename, unalias
    from seismic.maintenance.migrate import migrate
    from seismic.maintenance.rollback import rollback
    from seismic.maintenance.snapshot import create_snapshot, restore_snapshot
    from seismic.maintenance.tune import tune
    from seismic.maintenance.verify import verify
    from seismic.params import BuildParams, Profile, SearchParams
    from seismic.query import Query
    from seismic.search.answer import Answer, Facet, Group, Scores
    from seismic.search.browse import Document, Page
    from seismic.search.execute import SearchStats
    from seismic.search.explain import Certificate, Contribution, Explanation
    from seismic.search.hits import Hit, Hits, Snippet
    from seismic.search.request import (
        FacetBy,
        Feedback,
        Fusion,
        GroupBy,
        OrderBy,
        Ranked,
        Rerank,
        Run,
        SearchRequest,
        Snippets,
    )
    from seismic.search.why import WhyNot
    from seismic.store.history import GenerationInfo, collect_garbage, generations
    from seismic.store.verify import Verification
    from seismic.vectors import SparseVectors
    from seismic.vocabulary import Vocabulary
    from seismic.weight_range import RangeWarning

__all__ = [
    "Answer",
    "Bm25",
    "BuildParams",
    "Certificate",
    "Changed",
    "Chunking",
    "ConflictError",
    "Contribution",
    "CorruptIndexError",
    "DeadlineError",
    "Document",
    "Encoded",
    "Encoder",
    "EncoderEntry",
    "EncoderError",
    "Explanation",
    "Facet",
    "FacetBy",
    "Feedback",
    "FieldEntry",
    "FilterError",
    "Fitted",
    "FormatError",
    "Fusion",
    "GenerationInfo",
    "Group",
    "GroupBy",
    "Hit",
    "Hits",
    "Index",
    "IndexNotFoundError",
    "InputError",
    "LockedError",
    "OrderBy",
    "OutputExistsError",
    "Page",
    "ParameterError",
    "Profile",
    "Query",
    "QueryError",
    "RangeWarning",
    "Ranked",
    "Rerank",
    "Reranker",
    "Run",
    "Scores",
    "SearchParams",
    "SearchRequest",
    "SearchStats",
    "SeismicError",
    "Snippet",
    "Snippets",
    "SparseVectors",
    "StoppedError",
    "StorageError",
    "VectorError",
    "Verification",
    "Vocabulary",
    "WhyNot",
    "__version__",
    "add_columns",
    "alias",
    "aliases",
    "build",
    "collect_garbage",
    "collections",
    "compact",
    "create",
    "create_snapshot",
    "delete",
    "drop",
    "encode_texts",
    "extend_bm25",
    "fit_bm25",
    "generations",
    "load_encoder",
    "load_reranker",
    "migrate",
    "open",
    "patch",
    "rename",
    "restore_snapshot",
    "rollback",
    "tune",
    "unalias",
    "upsert",
    "verify",
]

_NAMES = {
    "seismic.builder.build": "build",
    "seismic.changes.updates": "add_columns",
    "seismic.edits.functions": "Changed delete patch upsert",
    "seismic.encoders": (
        "Bm25 Chunking Encoded Encoder EncoderEntry Fitted Reranker "
        "encode_texts extend_bm25 fit_bm25 load_encoder load_reranker"
    ),
    "seismic.errors": (
        "ConflictError CorruptIndexError DeadlineError EncoderError FilterError FormatError "
        "IndexNotFoundError InputError LockedError OutputExistsError ParameterError QueryError "
        "SeismicError StoppedError StorageError VectorError"
    ),
    "seismic.fields.entry": "FieldEntry",
    "seismic.index": "Index open",
    "seismic.maintenance.compaction": "compact",
    "seismic.maintenance.create": "create",
    "seismic.maintenance.lifecycle": "alias aliases collections drop rename unalias",
    "seismic.maintenance.migrate": "migrate",
    "seismic.maintenance.rollback": "rollback",
    "seismic.maintenance.snapshot": "create_snapshot restore_snapshot",
    "seismic.maintenance.tune": "tune",
    "seismic.maintenance.verify": "verify",
    "seismic.params": "BuildParams Profile SearchParams",
    "seismic.query": "Query",
    "seismic.search.answer": "Answer Facet Group Scores",
    "seismic.search.browse": "Document Page",
    "seismic.search.execute": "SearchStats",
    "seismic.search.explain": "Certificate Contribution Explanation",
    "seismic.search.hits": "Hit Hits Snippet",
    "seismic.search.request": "FacetBy Feedback Fusion GroupBy OrderBy Ranked Rerank Run SearchRequest Snippets",
    "seismic.search.why": "WhyNot",
    "seismic.store.history": "GenerationInfo collect_garbage generations",
    "seismic.store.verify": "Verification",
    "seismic.vectors": "SparseVectors",
    "seismic.vocabulary": "Vocabulary",
    "seismic.weight_range": "RangeWarning",
}
"""The names of each module. They are imported when first used, so that clients and `--help` do not load the engine."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

refuse_clash()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), {"open": "open_index"}.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
