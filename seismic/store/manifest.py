"""manifest.json: what a generation holds, and the hashes that prove it."""

import json
from pathlib import Path
from typing import Any

import orjson
import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError

from seismic.errors import CorruptIndexError, FormatError
from seismic.params import BuildParams, Layout

FORMAT_MAJOR, FORMAT_MINOR = 1, 0
"""A reader takes any minor of its major: a minor only adds files or fields that an older reader can do without."""

FEATURES: frozenset[str] = frozenset()
"""Required features this release understands; an index that needs another is refused."""

FILE_NAME = "manifest.json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)  # a newer minor may add fields: they are ignored


class FileEntry(_Model):
    """One file: its size, its rows, and the xxh3-128 of its bytes in hex."""

    bytes: int
    rows: int
    xxh3_128: str


class ShardEntry(_Model):
    """One shard: documents `first_document` .. `first_document + documents - 1` of the collection.

    `postings`, `blocks` and `most_blocks` (of one list) describe the posting lists; 0 without.
    """

    folder: str
    first_document: int
    documents: int
    nnz: int
    postings: int
    blocks: int
    most_blocks: int
    files: dict[str, FileEntry]


class Manifest(_Model):
    """One generation. No time stamp, so that the same build gives the same bytes."""

    format: str
    required_features: list[str]
    generation: str
    layout: Layout
    documents: int
    dimension: int
    nnz: int
    build: dict[str, Any]
    versions: dict[str, str]
    vocabulary: FileEntry | None
    shards: list[ShardEntry]
    sequence: int = 0
    """The last change of the log that is in it; later ones are applied on top."""

    @property
    def bytes(self) -> int:
        """Size of all files, the manifest aside."""
        files = [entry for shard in self.shards for entry in shard.files.values()]
        return sum(entry.bytes for entry in [*files, *([self.vocabulary] if self.vocabulary else [])])

    @property
    def build_params(self) -> BuildParams:
        """The parameters it was built with."""
        return BuildParams(**self.build)

    def write(self, folder: Path) -> None:
        """Write manifest.json, with a hash of itself."""
        content = self.model_dump(mode="json")
        content["hash"] = _hash(content)
        (folder / FILE_NAME).write_text(json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a generation's folder; CorruptIndexError if damaged, FormatError if not for this release."""
    path = folder / FILE_NAME
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise CorruptIndexError(f"{path} is missing; publish the index again or restore it") from None
    except orjson.JSONDecodeError as error:
        raise CorruptIndexError(f"{path} is not JSON ({error}); publish the index again or restore it") from None
    if not isinstance(content, dict):
        raise CorruptIndexError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    _check_format(path, content)
    if content.pop("hash", None) != _hash(content):
        raise CorruptIndexError(f"{path} does not match its own hash: it was changed after it was written")
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise CorruptIndexError(f"{path}: {error}") from None


def _check_format(path: Path, content: dict[str, Any]) -> None:
    """Before the hash: a newer major may define it otherwise."""
    found = content.get("format")
    major = str(found).partition(".")[0]
    if major != str(FORMAT_MAJOR):
        raise FormatError(
            f"{path}: found format {found}, this release reads {FORMAT_MAJOR}.x; use the release that wrote it "
            f"({content.get('versions')}) or build the index again"
        )
    unknown = sorted(set(content.get("required_features", [])) - FEATURES)
    if unknown:
        raise FormatError(
            f"{path}: needs {', '.join(unknown)}, which this release does not know; upgrade seismic-search"
        )


def _hash(content: dict[str, Any]) -> str:
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return xxhash.xxh3_128_hexdigest(canonical)
