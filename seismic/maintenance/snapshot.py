"""Snapshots: a collection in one file.

A snapshot holds a generation and the log of later changes. Restoring it publishes an ordinary generation; the changes
are compacted into it first, because the target collection has its own log.
"""

import tempfile
import time
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import xxhash

from seismic.builder.shards import Progress
from seismic.conversion.numbers import as_path
from seismic.errors import CorruptIndexError, LockedError
from seismic.maintenance.compaction import compact
from seismic.store.archive import Member, Tell, extract_archive, write_archive
from seismic.store.collection import CURRENT, GENERATIONS, current_generation
from seismic.store.failures import file_errors, read_error
from seismic.store.garbage import STAGING
from seismic.store.log import LOG, position_after, read_to_end, segment_path, segments
from seismic.store.manifest import FILE_NAME, read_manifest
from seismic.store.opening import hold_current
from seismic.store.publish import KEEP, staging, tidy_log, void_changes
from seismic.store.watermark import check_watermark, read_watermark

ATTEMPTS, PAUSE = 10, 0.01
"""Attempts to read one state while writers are active, and how much longer each pause between them is, in seconds."""


def create_snapshot(
    path: str | Path, file: str | Path, *, compress: bool = False, progress: Progress | None = None
) -> int:
    """Write the current state of the collection at `path`, with all changes, to a new file; return its size in bytes.

    `compress`: with zstd. `progress(stage, done, total)` in bytes. Writers may continue meanwhile. Every file is
    checked against its hash as it is read. Raises OutputExistsError, IndexNotFoundError, CorruptIndexError or another
    StorageError, and then leaves no file.
    """
    file = as_path(file)
    with ExitStack() as held:
        write_archive(file, _members(as_path(path), held), compress=compress, tell=_teller("write", progress))
    with file_errors("read", file):
        return file.stat().st_size


def restore_snapshot(
    file: str | Path, path: str | Path, *, replace: bool = True, keep: int = KEEP, progress: Progress | None = None
) -> Path:
    """Publish a snapshot as a new generation of the collection at `path`, which need not exist; return its folder.

    `replace`: whether the collection may exist. `progress(stage, done, total)` in bytes or documents. A running server
    switches to it as to any generation; earlier changes of that collection are void. Raises CorruptIndexError if the
    file is not a complete snapshot, OutputExistsError, FormatError, LockedError or another StorageError. Leaves nothing
    behind then.
    """
    out = as_path(path)
    with ExitStack() as published, staging(out, replace=replace, keep=keep, what="restore") as (folder, generation):
        with tempfile.TemporaryDirectory(dir=out / GENERATIONS, prefix=STAGING) as scratch:
            for inner in _unpacked(as_path(file), Path(scratch), progress).iterdir():
                inner.rename(folder / inner.name)
        manifest = read_manifest(folder).model_copy(
            update={"generation": generation, "sequence": void_changes(out, published)}
        )
        manifest.write(folder)
    tidy_log(out)
    return out / GENERATIONS / generation


def _members(collection: Path, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    """Open all files of one consistent state; `held` keeps them open, and so on disk.

    Takes no lock of writers, so that a read-only copy can be backed up. Changes follow the generation that is served
    when they are made: as long as it is still served after they were read, they belong to it.
    """
    for attempt in range(ATTEMPTS):
        folder, lease = hold_current(collection)
        held.callback(lease.close)
        try:
            members = [*_files(folder, held), *_changes(collection, read_manifest(folder).sequence, held)]
        except CorruptIndexError:
            # A writer may just have been truncating a torn record, or removing segments after a publish.
            if attempt + 1 == ATTEMPTS:
                raise
            time.sleep(PAUSE * attempt)
            continue
        if current_generation(collection) == folder.name:
            return members
    raise LockedError(f"{collection}: other writers published {ATTEMPTS} generations meanwhile; try again later")


def _files(folder: Path, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    files = [(Member(name, entry.bytes, entry.xxh3_128), name) for name, entry in read_manifest(folder).files.items()]
    opened = [(member, _open(folder / name, held)) for member, name in files]
    return [_whole(FILE_NAME, _open(folder / FILE_NAME, held)), *opened]


def _changes(collection: Path, sequence: int, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    """Return the records of the log that follow a sequence, checked up to the last acknowledged one."""
    acknowledged, start = read_watermark(collection), position_after(collection, sequence)
    end = read_to_end(collection, start)
    check_watermark(collection, max(end.sequence, sequence), acknowledged)
    if end.sequence <= sequence:
        return []
    members: list[tuple[Member, BinaryIO]] = []
    for segment in segments(collection):
        if start.segment <= segment <= end.segment:
            path = segment_path(collection, segment)
            with _open(path, held) as file:
                content = file.read(end.offset if segment == end.segment else -1)
            name = f"{LOG}/{path.name}"
            members.append((Member(name, len(content), xxhash.xxh3_128_hexdigest(content)), BytesIO(content)))
    return members


def _whole(name: str, file: BinaryIO) -> tuple[Member, BinaryIO]:
    """Return a file with its current content, without later appends."""
    content = file.read()
    file.seek(0)
    return Member(name, len(content), xxhash.xxh3_128_hexdigest(content)), file


def _open(path: Path, held: ExitStack) -> BinaryIO:
    try:
        return held.enter_context(path.open("rb"))
    except OSError as error:
        raise read_error(path, error, "see `seismic verify`") from None


def _unpacked(file: Path, scratch: Path, progress: Progress | None) -> Path:
    """Unpack a snapshot and return the folder of a generation that includes its changes."""
    folder = scratch / GENERATIONS / "000001"
    extract_archive(file, folder, _teller("unpack", progress))
    if not (folder / LOG).exists():
        return folder
    (folder / LOG).rename(scratch / LOG)
    manifest = read_manifest(folder)
    manifest.model_copy(update={"generation": folder.name}).write(folder)
    (scratch / CURRENT).write_text(f"{folder.name}\n")
    return compact(scratch, progress=progress) or folder


def _teller(stage: str, progress: Progress | None) -> Tell:
    return (lambda done, total: progress(stage, done, total)) if progress else (lambda _, __: None)
