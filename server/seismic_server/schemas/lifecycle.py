"""Bodies of the routes for the life of collections: generations, snapshots and jobs."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from seismic import Bm25
from seismic.encoders.chunks import MOST
from seismic.fields.entry import MOST_FIELDS
from seismic.layouts import DEFAULT, Layout
from seismic_server.jobs.job import JobKind, JobState
from seismic_server.schemas.bodies import Schema
from seismic_server.schemas.fields import FieldName, FieldOptions


class ChunksIn(Schema):
    """How long texts are cut into chunks."""

    size: Annotated[int, Field(ge=1, le=MOST)]
    """Most word pieces of a chunk, as the encoder's tokenizer counts them; words for BM25."""

    overlap: Annotated[int, Field(ge=0, le=MOST)] = 0
    """Word pieces that a chunk repeats from the end of the one before. Fewer than `size`."""


class CreateRequest(Schema):
    """An empty collection."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"encoder": "splade-tiny", "columns": {"text": "string", "year": "int64"}},
                {"vocabulary": ["planet", "orbit"], "columns": {"tags": "list<string>"}, "strict": True},
                {"encoder": "bm25", "bm25": {"stemmer": "english", "average_length": 400}},
                {"dimension": 30522, "ids": "int64"},
                {"fields": {"splade": {"encoder": "splade-tiny", "weight": 0.3}, "bm25": {"encoder": "bm25"}}},
                {},
            ]
        }
    )

    dimension: Annotated[int, Field(ge=0, lt=1 << 32)] | None = None
    """Every component is below it. It grows with the documents, unless `strict`."""

    vocabulary: Annotated[list[str], Field(fail_fast=True)] | None = None
    """Distinct tokens of the components. Later documents add others, unless `strict`."""

    encoder: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Encoder of texts, whose vocabulary it takes: `splade-tiny`, or a folder in one that SEISMIC_ENCODERS lists.
    `bm25` learns its vocabulary from the documents."""

    bm25: Bm25 | None = None
    """Parameters of the encoder `bm25`."""

    chunks: ChunksIn | None = None
    """Cut texts into chunks, each a document of its own with the columns parent, chunk, start and end. Needs `encoder`.
    """

    fields: Annotated[dict[FieldName, FieldOptions], Field(min_length=1, max_length=MOST_FIELDS)] | None = None
    """Named vectors by name, in place of a single vector with `dimension`, `vocabulary` or `encoder`."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Payload columns with their Arrow types: string, int64, double, bool, date32, timestamp[us, tz=UTC], list<string>.
    Later documents add others, unless `strict`."""

    ids: str = "string"
    """Arrow type of the ids: string, or an integer type such as int64."""

    layout: Layout = DEFAULT
    """Storage layout of the generations."""

    strict: bool = False
    """Whether to refuse documents with other columns, tokens or components."""


class ColumnsRequest(Schema):
    """Columns to add, or to widen."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"columns": {"pages": "int64", "tags": "list<string>"}}]})

    columns: Annotated[dict[str, str], Field(min_length=1)]
    """Payload columns with their Arrow types. Documents have nulls in a new column; integers become floats or wider."""


class RenameRequest(Schema):
    """The new name of a collection."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "papers"}]})

    to: str
    """The new name, which must be free."""


class Dropped(Schema):
    """A removed collection."""

    name: str
    aliases: list[str]
    """Its aliases, which are removed as well."""


class AliasRequest(Schema):
    """The collection of an alias."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"collection": "papers-2026"}]})

    collection: str
    """The collection that the alias names from now on."""


class AliasOut(Schema):
    """An alias and its collection."""

    alias: str
    collection: str


class AliasList(Schema):
    """Aliases, in the order of their names."""

    aliases: list[AliasOut]


class CompactRequest(Schema):
    """Options of a compaction."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keep": 1}, {}]})

    keep: Annotated[int, Field(ge=1, le=1000)] = 2
    """Generations that remain, the new one included. With 1, deleted documents are gone from disk."""


class RollbackRequest(Schema):
    """The generation to serve."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"generation": "000001"}, {}]})

    generation: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None = None
    """Generation to serve; without it, the one before the current one."""


class SnapshotRequest(Schema):
    """Options of a snapshot."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"compress": True}, {}]})

    compress: bool = False
    """Whether to compress it with Zstandard."""


class GenerationOut(Schema):
    """A generation on disk."""

    generation: str
    current: bool
    """Whether it is served."""
    documents: int
    """Documents in it, without later changes."""
    bytes: int
    """Size of its files."""
    written: str
    """When it was written, in UTC."""
    open: bool
    """Whether a process has it open."""
    problem: str | None = None
    """Why it cannot be opened. Missing if all is well."""


class GenerationList(Schema):
    """The generations of a collection, oldest first."""

    generations: list[GenerationOut]


class SnapshotOut(Schema):
    """A snapshot."""

    file: str
    """Name of the file, for its path."""
    bytes: int
    created: datetime


class SnapshotList(Schema):
    """The snapshots of a collection, oldest first."""

    snapshots: list[SnapshotOut]


class JobProblemOut(Schema):
    """Why a job failed, in the terms of a problem document."""

    type: str
    title: str
    status: int
    """Status that a request with this problem would get."""
    detail: str


class JobOut(Schema):
    """A long operation."""

    id: str
    kind: JobKind
    collection: str
    state: JobState
    """`queued` and `running` jobs can be cancelled; the other states are final."""
    progress: float
    """From 0 to 1, as far as it is known."""
    automatic: bool
    """Whether the service started it by itself: a compaction after many changes."""
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    result: dict[str, Any] | None = None
    """What a `done` job has made: `generation`; `file` and `bytes` of a snapshot."""
    problem: JobProblemOut | None = None
    """Why a job `failed`."""


class JobList(Schema):
    """The jobs that the service remembers, newest first."""

    jobs: list[JobOut]
