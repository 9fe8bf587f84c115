"""Snapshots: a collection as one file.

A snapshot holds a generation and the log of the changes since. Restoring it publishes a generation like any other;
changes are compacted into it first, as the collection it goes to has a log of its own.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import xxhash

from seismic.errors import CorruptIndexError, InputError
from seismic.maintenance.compaction import compact
from seismic.store.archive import Member, extract_archive, write_archive
from seismic.store.collection import CURRENT, GENERATIONS, current_generation
from seismic.store.garbage import STAGING
from seismic.store.log import LOG, appending, segment_path, segments
from seismic.store.manifest import FILE_NAME, read_manifest
from seismic.store.opening import hold_current
from seismic.store.publish import KEEP, staging, tidy_log, void_changes
from seismic.view.view import open_view


def create_snapshot(path: str | Path, file: str | Path, *, compress: bool = False) -> int:
    """Write the collection at `path`, as it is now, with all changes, into one new file; its size in bytes.

    `compress`: by zstd. Writers may go on meanwhile. Everything is checked against its hash as it is read. Raises
    OutputExistsError, IndexNotFoundError, CorruptIndexError or another StorageError, and then leaves no file.
    """
    with ExitStack() as held:
        write_archive(Path(file), _members(Path(path), held), compress=compress)
    return Path(file).stat().st_size


def restore_snapshot(file: str | Path, path: str | Path, *, keep: int = KEEP) -> Path:
    """Publish a snapshot as a new generation of the collection at `path`, which need not exist; its folder.

    A running server takes it up like any other generation; what was changed there before is void. Raises
    CorruptIndexError if the file is no whole snapshot, FormatError, LockedError or another StorageError, and then
    leaves nothing behind.
    """
    out = Path(path)
    with ExitStack() as published, staging(out, replace=True, keep=keep, what="restore") as (folder, generation):
        with tempfile.TemporaryDirectory(dir=out / GENERATIONS, prefix=STAGING) as scratch:
            for inner in _unpacked(Path(file), Path(scratch)).iterdir():
                inner.rename(folder / inner.name)
        manifest = read_manifest(folder).model_copy(
            update={"generation": generation, "sequence": void_changes(out, published)}
        )
        manifest.write(folder)
    tidy_log(out)
    return out / GENERATIONS / generation


def _members(collection: Path, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    """All files, of one moment: open, and so there, for as long as they are held."""
    while True:
        folder, lease = hold_current(collection)
        held.callback(lease.close)
        with appending(collection):  # no change comes between
            if current_generation(collection) == folder.name:
                return [*_files(folder, held), *_changes(collection, held)]


def _files(folder: Path, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    files = [(Member(name, entry.bytes, entry.xxh3_128), name) for name, entry in read_manifest(folder).files.items()]
    opened = [(member, _open(folder / name, held)) for member, name in files]
    return [_whole(FILE_NAME, _open(folder / FILE_NAME, held)), *opened]


def _changes(collection: Path, held: ExitStack) -> list[tuple[Member, BinaryIO]]:
    paths = [segment_path(collection, segment) for segment in segments(collection)]
    return [_whole(f"{LOG}/{path.name}", _open(path, held)) for path in paths]


def _whole(name: str, file: BinaryIO) -> tuple[Member, BinaryIO]:
    """A file as it is now; what is appended later does not count."""
    content = file.read()
    file.seek(0)
    return Member(name, len(content), xxhash.xxh3_128_hexdigest(content)), file


def _open(path: Path, held: ExitStack) -> BinaryIO:
    try:
        return held.enter_context(path.open("rb"))
    except OSError as error:
        raise CorruptIndexError(f"{path} cannot be read: {error.strerror}; see `seismic verify`") from None


def _unpacked(file: Path, scratch: Path) -> Path:
    """The folder of a generation that is all of the snapshot, changes included."""
    folder = scratch / GENERATIONS / "000001"
    extract_archive(file, folder)
    if not (folder / LOG).exists():
        return folder
    (folder / LOG).rename(scratch / LOG)
    manifest = read_manifest(folder)
    manifest.model_copy(update={"generation": folder.name}).write(folder)
    (scratch / CURRENT).write_text(f"{folder.name}\n")
    view = open_view(scratch)
    if view.changed and not view.live:
        raise InputError(f"{file}: found changes that leave no document, expected some; there is nothing to restore")
    del view  # lets go of the files
    return compact(scratch) or folder
