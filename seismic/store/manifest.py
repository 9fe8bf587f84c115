"""manifest.json: the content of a generation, and the hashes that prove it."""

import json
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
import xxhash
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seismic.encoders import EncoderEntry
from seismic.errors import CorruptIndexError, FormatError, ParameterError
from seismic.fields.entry import FieldEntry
from seismic.layouts import FEATURES, Layout, Storage, storage_of
from seismic.params import BuildParams
from seismic.store.failures import read_error
from seismic.store.sections import Section
from seismic.vectors import MAX_DIMENSION
from seismic.version import __version__, has_major

FORMAT_MAJOR, FORMAT_MINOR = 1, 0
"""A reader accepts any minor of its major: a minor only adds files or fields that older readers do not need."""

WIDE, FIELDS, SUPERBLOCKS = "components", "fields", "superblocks"
READER_FEATURES: frozenset[str] = FEATURES | {WIDE, FIELDS, SUPERBLOCKS}
"""Features this release can read; an index that needs another is refused. `no-tops`: shared.arrow without the largest
value of each row. `small`: also without residuals. `components`: shards with a table of the components they use.
`fields`: tokens that begin with the name of their field. `superblocks`: shards whose dense rows of maxima go on with
those of superblocks."""

ENCODER, BM25, STRICT, CHUNKS = "encoder", "bm25", "strict", "chunks"
WRITER_FEATURES: frozenset[str] = frozenset({ENCODER, BM25, STRICT, CHUNKS, FIELDS})
"""Features this release can write; a collection that needs others is read, but not changed."""

FILE_NAME, VOCABULARY = "manifest.json", "vocabulary.arrow"

Count = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)  # fields that a newer minor adds are ignored


class FileEntry(_Model):
    """One file: size, rows, hex xxh3-128 of the bytes, and the sections that tile it."""

    bytes: Count
    rows: Count
    xxh3_128: str
    sections: list[Section]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(section.bytes < 1 for section in self.sections) or sum(s.bytes for s in self.sections) != self.bytes:
            raise ValueError(f"the sections do not add up to {self.bytes} bytes")
        return self


class ShardEntry(_Model):
    """One shard: documents `first_document` .. `first_document + documents - 1` of the collection.

    `postings`, `blocks` and `most_blocks` (list blocks of the longest list) describe the posting lists; 0 without any.
    """

    folder: Annotated[str, Field(pattern=r"^(shard-[0-9]{5,})?$")]  # empty: in memory
    first_document: Count
    documents: Count
    nnz: Count
    postings: Count
    blocks: Count
    most_blocks: Count
    files: dict[Annotated[str, Field(pattern=r"^[a-z_]+\.arrow$")], FileEntry]
    fields: dict[str, Count] = {}
    """Documents that have each field; of fields without any, nothing."""


class Kept(_Model):
    """Recall of a lossy layout at depth k: the mean share of the input vectors' exact top k that is in the exact top k
    of the stored vectors, over a sample of queries. The mean over all queries is above `lower` and below `upper`, each
    with 95 % confidence."""

    k: Annotated[int, Field(ge=1, strict=True)]
    recall: Share
    lower: Share
    upper: Share
    queries: Annotated[int, Field(ge=1, strict=True)]


class Manifest(_Model):
    """One generation. It has no timestamp, so that the same build gives the same bytes.

    `reader_features`, `writer_features`: features that a release needs to read it, or to publish after it.
    """

    format: str
    reader_features: list[str]
    writer_features: list[str]
    generation: Annotated[str, Field(pattern=r"^[0-9]+$")]
    layout: Layout
    documents: Count
    dimension: Annotated[int, Field(ge=0, le=MAX_DIMENSION, strict=True)]
    nnz: Count
    build: dict[str, Any]
    versions: dict[str, str]
    vocabulary: FileEntry | None
    shards: list[ShardEntry]
    sequence: int = 0
    """The last change of the log that it contains; later ones are applied on top."""
    encoder: EncoderEntry | None = None
    """The encoder of texts. A release that does not know this field would drop it, so it may not write."""

    columns: Literal["open", "strict"] = "open"
    """`open`: changes may bring new columns, tokens and components. `strict`: they are errors. A release that does not
    know this field would drop it, so it may not write."""

    fields: list[FieldEntry] = []
    """Named vectors. A single field's encoder is that of the collection. A release that does not know this field would
    drop it, so it may not write; if there are several, their tokens have prefixes, so it may not read either."""

    kept: list[Kept] = []
    """Recall by k, ascending, measured at build time and preserved by compaction. Empty: the layout stores all input
    values, rounded to 16 bits."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        documents, nnz = [shard.documents for shard in self.shards], sum(shard.nnz for shard in self.shards)
        if [*accumulate(documents, initial=0)] != [*(shard.first_document for shard in self.shards), self.documents]:
            raise ValueError(f"the shards' documents do not follow each other up to {self.documents}")
        if nnz != self.nnz:
            raise ValueError(f"the shards have {nnz} values, not {self.nnz}")
        names = [field.name for field in self.fields]
        if len(set(names)) < len(names):
            raise ValueError(f"fields: found a name twice in {', '.join(names)}")
        if self.fields and (self.encoder if len(names) > 1 else self.fields[0].encoder):
            raise ValueError("fields: found the encoder of a single field there, or several next to one of all")
        for shard in self.shards:
            if shard.fields and (set(shard.fields) != set(names) or max(shard.fields.values()) > shard.documents):
                raise ValueError(f"{shard.folder}: fields: found {shard.fields}, expected documents of each field")
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash that tells this generation from others of the same number."""
        return manifest_hash(self.model_dump(mode="json"))

    @property
    def storage(self) -> Storage:
        """Return what shards store."""
        return storage_of(self.layout, several_fields=len(self.fields) > 1)

    @property
    def named_fields(self) -> tuple[FieldEntry, ...]:
        """Return the fields with their encoders."""
        if len(self.fields) == 1:
            return (self.fields[0].model_copy(update={"encoder": self.encoder}),)
        return tuple(self.fields)

    @property
    def files(self) -> dict[str, FileEntry]:
        """Map the path below the generation to the entry, for every file except the manifest."""
        files = {f"{shard.folder}/{name}": entry for shard in self.shards for name, entry in shard.files.items()}
        return files if self.vocabulary is None else {VOCABULARY: self.vocabulary, **files}

    @property
    def bytes(self) -> int:
        """Return the size of all files except the manifest."""
        return sum(entry.bytes for entry in self.files.values())

    @property
    def strict(self) -> bool:
        """Whether changes with new columns, tokens or components are refused."""
        return self.columns == "strict"

    @property
    def build_params(self) -> BuildParams:
        """Return the parameters of the build. Raises CorruptIndexError."""
        try:
            return BuildParams(**self.build)
        except ParameterError as error:
            raise CorruptIndexError(f"{FILE_NAME}: build: {error}; restore it or build again") from None

    def write(self, folder: Path) -> None:
        """Write manifest.json with a hash of its content."""
        content = self.model_dump(mode="json")
        for part in (content, *content["shards"]):
            if not part["fields"]:  # so that collections without fields have the bytes they always had
                del part["fields"]
        content["hash"] = manifest_hash(content)
        (folder / FILE_NAME).write_text(json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a generation's folder.

    Raises CorruptIndexError if it is damaged, and FormatError if this release cannot read it.
    """
    path = folder / FILE_NAME
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise CorruptIndexError(f"{path} is not JSON ({error}); publish the index again or restore it") from None
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing; publish the index again or restore it") from None
    except OSError as error:
        raise read_error(path, error, "publish the index again or restore it") from None
    if not isinstance(content, dict):
        raise CorruptIndexError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    _check_format(path, content)
    if content.pop("hash", None) != manifest_hash(content):
        raise CorruptIndexError(f"{path} does not match its own hash: it was changed after it was written")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise CorruptIndexError(f"{path}: {error}") from None


def check_writable(manifest: Manifest, collection: Path) -> None:
    """Raise FormatError if publishing after this generation needs a feature that this release lacks."""
    _check_features(collection, manifest.writer_features, WRITER_FEATURES, manifest.versions, "writers must know")


def _check_format(path: Path, content: dict[str, Any]) -> None:
    """Check the format before the hash, which a newer major may define differently."""
    found, versions = content.get("format"), content.get("versions")
    if not has_major(found, FORMAT_MAJOR):
        raise FormatError(
            f"{path}: found format {found}, this release ({__version__}) reads {FORMAT_MAJOR}.x; use the release that "
            f"wrote it ({versions}) or build the index again"
        )
    _check_features(path, content.get("reader_features"), READER_FEATURES, versions, "readers must know")


def _check_features(place: Path, needed: Any, known: frozenset[str], versions: Any, who: str) -> None:
    unknown = sorted(set(map(str, needed)) - known) if isinstance(needed, list) else []
    if unknown:
        wrote = versions.get("seismic") if isinstance(versions, dict) else versions
        raise FormatError(
            f"{place}: written by seismic-search {wrote} with {', '.join(unknown)}, which {who}, and this release, "
            f"{__version__}, does not; upgrade"
        )


def manifest_hash(content: dict[str, Any]) -> str:
    """Return the hash of a manifest's content without its hash."""
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return xxhash.xxh3_128_hexdigest(canonical)
