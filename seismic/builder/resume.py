"""Checkpoints: shards that an interrupted build has finished.

A later build reuses them if their input, parameters and bytes are unchanged.
"""

import json
import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import xxhash
from pydantic import ValidationError

from seismic.documents.canonical import canonical_batches
from seismic.params import BuildParams
from seismic.store.files import HashingSink, fsync, hash_file
from seismic.store.manifest import FORMAT_MAJOR, FORMAT_MINOR, ShardEntry
from seismic.vectors import SparseVectors
from seismic.version import __version__

MARK = "resume.json"
HASHED_ROWS = 1 << 16


class Checkpoint:
    """The finished shards in `folder`. It is emptied if it has another fingerprint."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        mark = folder / MARK
        if not mark.exists() or mark.read_text() != fingerprint:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            _write(mark, fingerprint)

    def finished(self, name: str) -> ShardEntry | None:
        """Return the entry of a shard if it is finished and intact; otherwise remove its files."""
        path, inner = self._mark(name), self.folder / name
        try:
            entry = ShardEntry.model_validate(orjson.loads(path.read_bytes()))
            if all(hash_file(inner / name) == file.xxh3_128 for name, file in entry.files.items()):
                return entry
        except (OSError, orjson.JSONDecodeError, ValidationError):
            pass
        path.unlink(missing_ok=True)
        shutil.rmtree(inner, ignore_errors=True)
        return None

    def finish(self, entry: ShardEntry) -> None:
        """Mark a shard as finished once its files are on disk."""
        inner = self.folder / entry.folder
        for path in (*inner.iterdir(), inner):
            fsync(path)
        _write(self._mark(entry.folder), json.dumps(entry.model_dump(mode="json")))

    def forget(self) -> None:
        """Remove all marks before the folder is published."""
        for path in (*self.folder.glob("shard-*.json"), self.folder / MARK):
            path.unlink()

    def _mark(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def fingerprint(
    vectors: SparseVectors,
    documents: pa.Table,
    params: BuildParams,
    ranges: Sequence[tuple[int, int]],
    fields: Sequence[str] = (),
) -> str:
    """Return the xxh3-128 of everything that the bytes of shards depend on."""
    versions = [f"{FORMAT_MAJOR}.{FORMAT_MINOR}", __version__, *map(version, ("numba", "numpy", "pyarrow"))]
    about = [params.model_dump(), versions, vectors.dimension, list(ranges), *fields]
    digest = xxhash.xxh3_128(orjson.dumps(about, option=orjson.OPT_SORT_KEYS))
    for array in (vectors.indptr, vectors.components, vectors.values):
        digest.update(np.ascontiguousarray(array).data)
    sink = HashingSink(None)
    with pa.ipc.new_stream(sink, documents.schema) as writer:
        for batch in canonical_batches(documents, HASHED_ROWS):
            writer.write_batch(batch)
    digest.update(sink.digest.digest())
    return digest.hexdigest()


def _write(path: Path, text: str) -> None:
    """Write a file atomically."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    fsync(partial)
    os.replace(partial, path)
    fsync(path.parent)
