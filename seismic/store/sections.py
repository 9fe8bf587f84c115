"""The sections of an Arrow file: the byte ranges of its column buffers, and the framing between them.

Sections tile the file. Their hashes find any damage, name the column it is in, and can be checked one at a time.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import xxhash

FRAMING = "framing"
LARGEST = 1 << 24
"""Largest size of a section in bytes. Longer buffers are split, so that a sample does not read gigabytes."""

READ = 1 << 20


class Section(NamedTuple):
    """A byte range of a file, which begins at the end of the previous one. ``name``: column and buffer, or the framing;
    ``xxh3_64``: hex hash of the bytes."""

    name: str
    bytes: int
    xxh3_64: str


class Damage(NamedTuple):
    """Damage of one file. ``file``: path below the generation; ``section``: the damaged section, if known."""

    file: str
    section: str | None
    problem: str

    def __str__(self) -> str:
        return f"{self.file}{f', {self.section}' if self.section else ''}: {self.problem}"


def hash_sections(path: Path) -> list[Section]:
    """Return the sections of an intact Arrow file."""
    with path.open("rb") as source:
        return [Section(name, size, _hash(source.fileno(), first, size)) for name, first, size in _tiles(path)]


def damaged_sections(path: Path, sections: Iterable[tuple[int, Section]]) -> Iterator[tuple[str, int, int]]:
    """Yield (name, first byte, end) of the sections whose hashes differ. `sections` come with their first byte.

    Reads the file, because a memory map would end the process with SIGBUS on a failing disk.
    """
    with path.open("rb") as source:
        for first, section in sections:
            if _hash(source.fileno(), first, section.bytes) != section.xxh3_64:
                yield section.name, first, first + section.bytes


def hash_both(path: Path, sections: Iterable[Section]) -> tuple[str, list[tuple[str, int, int]]]:
    """Return the hex xxh3-128 of a file, and (name, first byte, end) of its damaged sections, reading it once."""
    whole, damaged = xxhash.xxh3_128(), []
    with path.open("rb") as source:
        for first, section in placed(sections):
            digest, left = xxhash.xxh3_64(), section.bytes
            while left and (chunk := source.read(min(left, READ))):
                whole.update(chunk)
                digest.update(chunk)
                left -= len(chunk)
            if digest.hexdigest() != section.xxh3_64:
                damaged.append((section.name, first, first + section.bytes))
    return whole.hexdigest(), damaged


def placed(sections: Iterable[Section]) -> list[tuple[int, Section]]:
    """Return each section with its first byte."""
    first, result = 0, []
    for section in sections:
        result.append((first, section))
        first += section.bytes
    return result


def _hash(descriptor: int, first: int, size: int) -> str:
    digest = xxhash.xxh3_64()
    for offset in range(first, first + size, READ):
        digest.update(os.pread(descriptor, min(READ, first + size - offset), offset))
    return digest.hexdigest()


def _tiles(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the (name, first byte, size) of every section, in file order."""
    end, size = 0, path.stat().st_size
    for first, length, name in chain(sorted(_buffers(path)), [(size, 0, FRAMING)]):
        if end < first:
            yield FRAMING, end, first - end
        end = min(first + (length + 7 & ~7), size)  # with its padding
        for offset in range(first, end, LARGEST):
            yield name, offset, min(LARGEST, end - offset)


def _buffers(path: Path) -> set[tuple[int, int, str]]:
    """Return the (first byte, size, name) of every buffer that is not empty."""
    with path.open("rb") as source:
        mapping = pa.py_buffer(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))
    reader, found = pa.ipc.open_file(pa.BufferReader(mapping)), set()
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        prefix = f"batch {number}, " if reader.num_record_batches > 1 else ""
        for field, column in zip(batch.schema, batch.columns, strict=True):
            for label, buffer in zip_longest(_labels(field.type, field.name), column.buffers(), fillvalue=field.name):
                if isinstance(buffer, pa.Buffer) and buffer.size:
                    found.add((buffer.address - mapping.address, buffer.size, prefix + label))
    return found


def _labels(kind: pa.DataType, name: str) -> Iterator[str]:
    """Yield a name for each buffer of a column of this type, in Arrow's order."""
    own = (["nulls", "offsets"] if kind.num_fields else ["nulls", "values"]) if kind.num_buffers == 2 else None
    for label in own or ["nulls", "offsets", "values"][: kind.num_buffers]:
        yield f"{name} {label}"
    for field in map(kind.field, range(kind.num_fields)):
        yield from _labels(field.type, f"{name}.{field.name}")
