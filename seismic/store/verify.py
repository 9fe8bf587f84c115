"""Verify a generation: its files against their hashes, and its data against invariants that hashes cannot prove."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seismic.documents.ids import find_repeat
from seismic.errors import CorruptIndexError, FormatError, InputError
from seismic.fields.joined import check_joined, counter, joined_vocabulary
from seismic.kernels.constants import BLOCK, SUPERBLOCK
from seismic.kernels.maxima import Maxima, padded_blocks
from seismic.layouts import LAYOUTS
from seismic.params import Verify
from seismic.store.checksums import check_files, check_names
from seismic.store.collection import generation_folder
from seismic.store.copies import check_copies
from seismic.store.files import map_batch
from seismic.store.log import LOG, position_after, read_to_end
from seismic.store.manifest import FILE_NAME, VOCABULARY, Manifest, read_manifest
from seismic.store.opening import open_vocabulary
from seismic.store.profiles import PROFILES, read_profiles
from seismic.store.schema import DOCUMENTS, FORWARD, MAXIMA, SHARED, vocabulary_schema
from seismic.store.sections import Damage
from seismic.store.shard import Shard, open_shard
from seismic.store.watermark import check_watermark, read_watermark
from seismic.vectors import SparseVectors
from seismic.vocabulary import Vocabulary, inverse_document_frequency

ROWS = 1 << 14
"""Documents whose fields are counted together."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of `verify`: what was checked, and the damage found. ``bytes``: size of the files."""

    collection: str
    generation: str
    verify: Verify
    files: int
    bytes: int
    damages: list[Damage]


def verify_files(collection: Path, generation: str, verify: Verify) -> Verification:
    """Check a generation, its profiles and the log, as `seismic.verify` does, but not whether they fit each other."""
    folder = generation_folder(collection, generation)
    try:
        manifest = read_manifest(folder)
    except CorruptIndexError as error:
        return Verification(str(collection), folder.name, verify, 0, 0, [Damage(FILE_NAME, None, str(error))])
    damages = find_damage(folder, manifest, verify)
    if manifest.generation != folder.name:
        damages.append(Damage(FILE_NAME, None, f"says generation {manifest.generation}"))
    try:
        acknowledged = read_watermark(collection)
        end = read_to_end(collection, position_after(collection, manifest.sequence))
        check_watermark(collection, max(end.sequence, manifest.sequence), acknowledged)
    except CorruptIndexError as error:
        damages.append(Damage(LOG, None, str(error)))
    try:
        read_profiles(collection, folder.name)
    except (CorruptIndexError, FormatError) as error:
        damages.append(Damage(f"{PROFILES}/{folder.name}.json", None, str(error)))
    return Verification(str(collection), folder.name, verify, len(manifest.files), manifest.bytes, damages)


def find_damage(folder: Path, manifest: Manifest, verify: Verify, compared: int | None = None) -> list[Damage]:
    """Return all damage to the files and data of the generation in a folder.

    `full` compares the files of a shard with each other; `compared` limits that to its first positions.
    """
    damages = [*check_files(folder, manifest, verify), *check_names(folder, manifest)]
    try:
        _ = manifest.build_params
    except CorruptIndexError as error:
        damages.append(Damage(FILE_NAME, None, str(error)))
    return [*damages, *_check_data(folder, manifest, {damage.file for damage in damages}, verify, compared)]


def _check_data(
    folder: Path, manifest: Manifest, damaged: set[str], verify: Verify, compared: int | None
) -> Iterator[Damage]:
    """Yield damage that shows in the data. Skips files known to be damaged."""
    vocabulary: Vocabulary | None = None
    try:
        if VOCABULARY not in damaged:
            vocabulary = open_vocabulary(folder, manifest)
    except CorruptIndexError as error:
        yield Damage(VOCABULARY, None, str(error))
    # By the tokens on disk: the manifest may give any dimension.
    frequency = None if vocabulary is None else np.zeros(len(vocabulary), np.int64)
    ids: list[pa.Array] = []
    for entry in manifest.shards:
        if any(f"{entry.folder}/{name}" in damaged for name in entry.files):
            frequency = None
            continue
        try:
            shard = open_shard(folder, entry, manifest.layout, manifest.dimension)
            check_shard(shard, entry.folder)
            if verify == "full":
                check_copies(shard, manifest.storage, entry.folder, compared)
                if compared is None and VOCABULARY not in damaged:
                    _check_fields(folder, shard, manifest)
            ids += shard.documents["id"].chunks
            if frequency is not None:
                frequency[slice(None) if shard.used is None else shard.used.numbers] += shard.document_frequency()
        except CorruptIndexError as error:
            frequency = None
            yield Damage(entry.folder, None, str(error))
    if ids and len({chunk.type for chunk in ids}) == 1 and (repeat := find_repeat(pa.chunked_array(ids))):
        rows = " and ".join(map(str, sorted(repeat)))
        yield Damage(DOCUMENTS, None, f"id: found the same in rows {rows} of the undamaged shards")
    try:
        if vocabulary is not None:
            _check_vocabulary(vocabulary, folder, manifest, frequency)
    except CorruptIndexError as error:
        yield Damage(VOCABULARY, None, str(error))


def _check_vocabulary(
    vocabulary: Vocabulary, folder: Path, manifest: Manifest, frequency: npt.NDArray[np.int64] | None
) -> None:
    """Check the tokens, and the statistics by the documents with each component, unless those are not known."""
    assert manifest.vocabulary is not None
    try:
        vocabulary.check_unique()
        check_joined(vocabulary, manifest.named_fields)
    except InputError as error:
        raise CorruptIndexError(f"{VOCABULARY}: token: {error}") from None
    batch = map_batch(folder / VOCABULARY, manifest.vocabulary, vocabulary_schema())
    found, idf = batch.column("document_frequency").to_numpy(), batch.column("idf").to_numpy()
    if ((found < 0) | (found > manifest.documents)).any():
        raise CorruptIndexError(f"{VOCABULARY}: document_frequency: found counts outside 0 to {manifest.documents}")
    if not np.array_equal(idf, inverse_document_frequency(found, manifest.documents)):
        raise CorruptIndexError(f"{VOCABULARY}: idf: found other values than those of document_frequency")
    # A lossy layout counts before it drops components.
    if (
        frequency is not None
        and not (found == frequency if not LAYOUTS[manifest.layout].lossy else found >= frequency).all()
    ):
        raise CorruptIndexError(f"{VOCABULARY}: document_frequency: found other counts than those of the documents")


def _check_fields(folder: Path, shard: Shard, manifest: Manifest) -> None:
    """Compare the manifest's numbers of documents by field with the vectors. A lossy layout counts before it drops
    components."""
    fields = manifest.named_fields
    count, found = counter(fields, joined_vocabulary(open_vocabulary(folder, manifest), fields)), Counter[str]()
    if count is None or manifest.storage.lossy:
        return
    for first in range(0, len(shard), ROWS):
        restored = shard.restore(np.arange(first, min(first + ROWS, len(shard)), dtype=np.uint32))
        components = restored.components if shard.used is None else shard.used.numbers[restored.components]
        vectors = SparseVectors.trusted(restored.indptr, components, restored.values, manifest.dimension)
        try:
            found.update(count(vectors))
        except InputError as error:
            raise CorruptIndexError(f"{VOCABULARY}: token: {error}") from None
    for field in fields:
        if found[field.name] != shard.entry.fields.get(field.name, 0):
            raise CorruptIndexError(
                f"{FILE_NAME}: fields: found {shard.entry.fields.get(field.name, 0)} documents with '{field.name}' in "
                f"{shard.entry.folder}, expected {found[field.name]}, as its vectors have"
            )


def check_shard(shard: Shard, place: str) -> None:
    """Check invariants that answers rely on, although no kernel does."""
    shared = shard.shared
    if (np.bincount(shared.numbers, minlength=len(shard)) != 1).any():
        raise CorruptIndexError(f"{place}: {SHARED}: document numbers repeat")
    ends = shared.own_ends.astype(np.int64) + np.repeat(shared.own_starts[:-1], BLOCK)
    _check_rising(shared.components, shared.starts, f"{place}: {SHARED}: components")
    _check_rising(shared.own_components, ends, f"{place}: {SHARED}: own_components")
    _check_rising(shard.maxima.blocks, _window_ends(shard), f"{place}: {MAXIMA}: blocks")
    _check_superblocks(shard.maxima, padded_blocks(len(shard)), f"{place}: {MAXIMA}: codes")
    if shard.lists is not None:
        forward = shard.lists.forward
        _check_rising(forward.components, forward.starts, f"{place}: {FORWARD}: components")
    try:
        shard.documents.validate(full=True)
    except pa.ArrowException as error:
        raise CorruptIndexError(f"{place}: documents.arrow: {error}") from None
    if shard.documents["id"].null_count:
        raise CorruptIndexError(f"{place}: documents.arrow: id: found a null")


def _check_superblocks(maxima: Maxima, blocks: int, place: str) -> None:
    """Raise CorruptIndexError if a superblock's code is not the largest of its blocks, which searches rely on."""
    lengths = np.diff(maxima.code_starts)
    for component in np.flatnonzero((lengths > blocks) & (np.diff(maxima.block_starts) == 0)).tolist():
        codes = maxima.codes[maxima.code_starts[component] : maxima.code_starts[component + 1]]
        largest = codes[:blocks].reshape(-1, SUPERBLOCK).max(axis=1)
        if not np.array_equal(codes[blocks : blocks + len(largest)], largest):
            problem = f"found superblocks of component {component} that are not the largest of their blocks"
            raise CorruptIndexError(f"{place}: {problem}")


def _window_ends(shard: Shard) -> npt.NDArray[np.int64]:
    """Return where the maxima of each component and window end."""
    maxima = shard.maxima
    windows = len(maxima.ends) // max(1, shard.dimension)
    return np.repeat(maxima.block_starts[:-1].astype(np.int64), windows) + maxima.ends


def _check_rising(components: npt.NDArray[Any], starts: npt.NDArray[Any], place: str) -> None:
    """Raise CorruptIndexError if components do not rise within a list."""
    falls = components[1:] <= components[:-1]
    inner = starts[(starts > 0) & (starts < len(components))]
    falls[inner - 1] = False
    if falls.any():
        raise CorruptIndexError(f"{place}: entry {int(np.argmax(falls)) + 1} is not above the previous one")
