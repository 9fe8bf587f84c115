"""Compaction: merge a generation and the later changes into a new generation."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from seismic.builder.build import Progress, write_manifest, write_shards
from seismic.builder.plan import plan_shards
from seismic.builder.spool import Spool
from seismic.components import component_dtype
from seismic.store.collection import GENERATIONS
from seismic.store.garbage import STAGING
from seismic.store.publish import staging, tidy_log
from seismic.vectors import SparseVectors
from seismic.view.view import View, open_view


def compact(path: str | Path, *, workers: int = 1, progress: Progress | None = None) -> Path | None:
    """Publish a generation of the current documents and return its folder; None if there is nothing to do.

    Documents keep their order and their stored values bit by bit; document numbers change. Changes may be made
    meanwhile, and a crash loses nothing. Does nothing without changes, or without documents.

    Raises LockedError if another writer is active, or another StorageError.
    """
    collection = Path(path)
    if not _is_worth_it(open_view(collection)):
        return None
    with staging(collection, replace=True, what="compaction") as (folder, generation):
        view = open_view(collection)  # again, now that nobody else can publish
        manifest = view.manifest
        with tempfile.TemporaryDirectory(dir=collection / GENERATIONS, prefix=STAGING) as scratch:
            vectors, table = _vectors(view, Path(scratch)), _documents(view, Path(scratch) / "documents.arrow")
            shards = max(1, round(len(manifest.shards) * view.live / manifest.documents))
            plan = plan_shards(vectors, manifest.build_params, shards, workers)
            entries = write_shards(folder, vectors, table, manifest.build_params, plan, progress)
            state = (manifest.build_params, entries, manifest.kept, view.log_end.sequence)
            write_manifest(folder, generation, vectors, view.vocabulary, manifest.encoder, *state)
    tidy_log(collection)
    return collection / GENERATIONS / generation


def _is_worth_it(view: View) -> bool:
    return view.changed > 0 and view.live > 0


def _vectors(view: View, folder: Path) -> SparseVectors:
    """Return all live vectors, spooled to disk."""
    dimension = view.manifest.dimension
    components, values = Spool(component_dtype(dimension), folder), Spool(np.float32, folder)
    lengths = [np.zeros(1, np.int64)]
    for shard in view.shards:
        for part in shard.live_vectors(dimension):
            lengths.append(np.diff(part.indptr))
            components.append(part.components)
            values.append(part.values)
    indptr = np.cumsum(np.concatenate(lengths))
    return SparseVectors.trusted(indptr, components.array(), values.array(), dimension)


def _documents(view: View, path: Path) -> pa.Table:
    """Return the ids and payloads of all live documents, spooled to disk; dictionary columns stay dictionaries."""
    schema = view.rules.schema
    with pa.ipc.new_file(str(path), schema) as writer:
        for shard in view.shards:
            for batch in shard.document_batches():
                writer.write_table(pa.table(batch).cast(schema))
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    for at, field in enumerate(view.base[0].shard.documents.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(at, field.name, table[field.name].dictionary_encode())
    return table.unify_dictionaries()


if __name__ == "__main__":  # the service runs this at low priority, in favour of searches
    os.nice(10)
    compact(sys.argv[1])
