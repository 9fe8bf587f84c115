"""Compaction: merge a generation and the later changes into a new generation."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from seismic.builder.build import write_manifest
from seismic.builder.memory import memory_limit
from seismic.builder.plan import ShardPlan, plan_shards
from seismic.builder.shards import Progress, write_shards
from seismic.builder.spool import Spool
from seismic.builder.spread import spread
from seismic.builder.tasks import Runner, check_runner
from seismic.components import component_dtype
from seismic.conversion.numbers import as_path
from seismic.documents.widening import with_schema
from seismic.errors import ParameterError
from seismic.fields.joined import counter
from seismic.store.collection import GENERATIONS
from seismic.store.garbage import STAGING
from seismic.store.manifest import Manifest
from seismic.store.publish import KEEP, staging, tidy_log
from seismic.vectors import SparseVectors
from seismic.view.view import View, open_view

LEAST_DOCUMENTS = 1 << 16
"""A shard has no fewer documents than this, unless it is the only one: every shard costs each search a bit."""


def compact(
    path: str | Path,
    *,
    workers: int = 1,
    memory: int | None = None,
    keep: int = KEEP,
    progress: Progress | None = None,
    runner: Runner | None = None,
) -> Path | None:
    """Publish a generation of the current documents and return its folder; None if there are no changes.

    Documents keep their order (that of hashes with `shard_by="hash"`) and their stored values bit by bit; document
    numbers change. Changes may be made meanwhile, and a crash loses nothing. Files of the generation are checked
    against their hashes first, so that damage does not get new hashes.

    The generation keeps its number of shards, except that small ones are merged, and that shards are split which need
    more than `memory` bytes to build; None: half the memory of the machine or container. `keep`: generations that
    remain. Deleted documents are gone from disk once no generation before this one remains: at once with `keep=1`,
    unless a reader has one open. If no document is left, the new generation is empty. `runner`: builds the shards in
    other processes, as for `build`.

    Raises LockedError if another writer is active, CorruptIndexError for damage, or another StorageError.
    """
    collection = as_path(path)
    check_runner(runner)
    if not _has_changes(open_view(collection)):
        return None
    with staging(collection, replace=True, keep=keep, what="compaction") as (folder, generation):
        view = open_view(collection, "full")  # again, now that nobody else can publish
        manifest = view.manifest
        with tempfile.TemporaryDirectory(dir=collection / GENERATIONS, prefix=STAGING) as scratch:
            vectors, table = _vectors(view, Path(scratch)), _documents(view, Path(scratch) / "documents.arrow")
            if manifest.build_params.shard_by == "hash":
                vectors, table = spread(vectors, table, Path(scratch))
            plan = _plan(vectors, manifest, 1 if runner else workers, memory)
            counted = counter(view.fields, view.vocabulary)
            shards = (folder, vectors, table, manifest.build_params, plan, progress)
            entries = write_shards(*shards, counted=counted, several=len(view.fields) > 1, runner=runner)
            state = (manifest.build_params, entries, manifest.kept, view.log_end.sequence, manifest.strict, view.fields)
            write_manifest(folder, generation, vectors, view.vocabulary, manifest.encoder, *state)
        del view  # releases the generation, so that it can be removed
    tidy_log(collection)
    return collection / GENERATIONS / generation


def _has_changes(view: View) -> bool:
    """Return whether the log holds changes, even if none is left in the end: deleted texts are in it."""
    return view.log_end.sequence > view.manifest.sequence


def _plan(vectors: SparseVectors, manifest: Manifest, workers: int, memory: int | None) -> ShardPlan:
    """Plan the shards by size and memory, whatever the growth since the generation was built."""
    most = max(1, len(vectors) // LEAST_DOCUMENTS)
    shards, params = min(len(manifest.shards), most), manifest.build_params
    try:
        plan = plan_shards(vectors, params, shards, workers, memory or memory_limit() // 2)
    except ParameterError:
        if memory is not None:
            raise
    else:
        if len(plan.ranges) <= most:
            return plan
    return plan_shards(vectors, params, most, workers)


def _vectors(view: View, folder: Path) -> SparseVectors:
    """Return all live vectors, spooled to disk."""
    dimension = view.dimension
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
                writer.write_table(with_schema(pa.table(batch), schema))
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    for field in view.base[0].shard.documents.schema:
        if pa.types.is_dictionary(field.type):
            at = table.schema.get_field_index(field.name)
            table = table.set_column(at, field.name, table[field.name].dictionary_encode())
    return table
