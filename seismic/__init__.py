"""Seismic: learned-sparse retrieval over memory-mapped indexes.

>>> import seismic
>>> seismic.build(vectors, "idx")                                        # doctest: +SKIP
>>> index = seismic.open("idx")                                          # doctest: +SKIP
>>> index.search({"indices": [7, 42], "values": [1.2, 0.4]}, k=10)       # doctest: +SKIP
"""

from seismic.builder.build import build
from seismic.changes.updates import add_columns
from seismic.edits.functions import Changed, delete, patch, upsert
from seismic.encoders import (
    Bm25,
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
from seismic.search.answer import Answer, Facet, Group, Hit, Scores
from seismic.search.browse import Document, Page
from seismic.search.execute import SearchStats
from seismic.search.explain import Certificate, Contribution, Explanation
from seismic.search.request import FacetBy, Feedback, Fusion, GroupBy, OrderBy, Ranked, Rerank, Run, SearchRequest
from seismic.search.why import WhyNot
from seismic.store.history import GenerationInfo, collect_garbage, generations
from seismic.store.verify import Verification
from seismic.vectors import SparseVectors
from seismic.version import __version__
from seismic.vocabulary import Vocabulary
from seismic.weight_range import RangeWarning

__all__ = [
    "Answer",
    "Bm25",
    "BuildParams",
    "Certificate",
    "Changed",
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
