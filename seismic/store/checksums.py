"""Check the files of a generation against its manifest: names, sizes and hashes."""

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from seismic.params import Verify
from seismic.store.collection import is_foreign
from seismic.store.failures import DAMAGES, storage_error
from seismic.store.manifest import FILE_NAME, FileEntry, Manifest
from seismic.store.sections import FRAMING, Damage, Section, damaged_sections, hash_both, placed

SAMPLE = 16
"""`sample` hashes the framing and one in SAMPLE sections of each file, drawn again each time."""


def check_files(folder: Path, manifest: Manifest, verify: Verify) -> Iterator[Damage]:
    """Yield the damage of the files in the manifest: missing files, wrong sizes and hashes. `none` checks nothing."""
    return check_entries(folder, manifest.files, verify)


def check_entries(folder: Path, entries: Mapping[str, FileEntry], verify: Verify) -> Iterator[Damage]:
    """Yield the damage of files by their path below the folder, as `check_files` does."""
    if verify != "none":
        for name, entry in entries.items():
            yield from _check_file(folder / name, name, entry, verify)


def check_sections(folder: Path, manifest: Manifest) -> Iterator[tuple[int, Damage | None]]:
    """Check all files a section at a time: yield the number of bytes read, and the damage found, if any."""
    for name, entry in manifest.files.items():
        try:
            for place in placed(entry.sections):
                yield place[1].bytes, next(_damaged(folder / name, name, [place]), None)
        except OSError as error:
            yield 0, Damage(name, None, f"cannot be read: {error.strerror or error}")


def check_names(folder: Path, manifest: Manifest) -> Iterator[Damage]:
    """Yield the files that the manifest does not list, except those of file systems and desktops."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        name = inner.as_posix()
        if any(map(is_foreign, inner.parts)) or path.is_dir():
            continue
        if name not in manifest.files and name != FILE_NAME:
            yield Damage(name, None, "is not in the manifest; remove it")


def _check_file(path: Path, name: str, entry: FileEntry, verify: Verify) -> Iterator[Damage]:
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            yield Damage(name, None, f"found {size} bytes, expected {entry.bytes}")
        elif verify == "sample":
            yield from _damaged(path, name, _sample(entry))
        else:
            whole, sections = hash_both(path, entry.sections)
            damages = list(_damages(name, sections))
            yield from damages or ([Damage(name, None, "its hash differs")] if whole != entry.xxh3_128 else [])
    except FileNotFoundError:
        yield Damage(name, None, "is missing")
    except OSError as error:
        if error.errno not in DAMAGES:
            raise storage_error("read", path, error) from error
        yield Damage(name, None, f"cannot be read: {error.strerror or error}")


def _damaged(path: Path, name: str, sections: list[tuple[int, Section]]) -> Iterator[Damage]:
    return _damages(name, damaged_sections(path, sections))


def _damages(name: str, sections: Iterable[tuple[str, int, int]]) -> Iterator[Damage]:
    for section, first, end in sections:
        yield Damage(name, section, f"bytes {first} to {end - 1} do not match their hash")


def _sample(entry: FileEntry) -> list[tuple[int, Section]]:
    sections = placed(entry.sections)
    others = [place for place in sections if place[1].name != FRAMING]
    drawn = random.sample(others, min(len(others), max(1, len(others) // SAMPLE)))
    return [place for place in sections if place[1].name == FRAMING] + drawn
