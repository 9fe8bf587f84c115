"""The sections of an Arrow file: the ranges of bytes that are its columns' buffers, and the framing between them.

They tile the file, so that a hash of each finds any damage, says in which column it is, and can be checked alone.
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
"""Bytes of a section; longer buffers are cut, so that a sample need not read gigabytes."""

READ = 1 << 20


class Section(NamedTuple):
    """A range of a file, which begins where the section before it ends: column and buffer, or the framing; its size;
    xxh3-64 of its bytes in hex."""

    name: str
    bytes: int
    xxh3_64: str


class Damage(NamedTuple):
    """What is wrong with a file, named by its path below the generation; ``section`` if the damage is in one."""

    file: str
    section: str | None
    problem: str

    def __str__(self) -> str:
        return f"{self.file}{f', {self.section}' if self.section else ''}: {self.problem}"


def hash_sections(path: Path) -> list[Section]:
    """The sections of an Arrow file that is whole."""
    with path.open("rb") as source:
        return [Section(name, size, _hash(source.fileno(), first, size)) for name, first, size in _tiles(path)]


def damaged_sections(path: Path, sections: Iterable[tuple[int, Section]]) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and end of those sections, given with their first byte, whose hashes differ.

    Reads, where a memory map would end the process with SIGBUS if the disk fails.
    """
    with path.open("rb") as source:
        for first, section in sections:
            if _hash(source.fileno(), first, section.bytes) != section.xxh3_64:
                yield section.name, first, first + section.bytes


def placed(sections: Iterable[Section]) -> list[tuple[int, Section]]:
    """The sections with their first byte."""
    first, result = 0, []
    for section in sections:
        result.append((first, section))
        first += section.bytes
    return result


def _hash(descriptor: int, first: int, size: int) -> str:
    digest = xxhash.xxh3_64()
    for at in range(first, first + size, READ):
        digest.update(os.pread(descriptor, min(READ, first + size - at), at))
    return digest.hexdigest()


def _tiles(path: Path) -> Iterator[tuple[str, int, int]]:
    """(name, first byte, size) of the whole file, in its order."""
    end, size = 0, path.stat().st_size
    for first, length, name in chain(sorted(_buffers(path)), [(size, 0, FRAMING)]):
        if end < first:
            yield FRAMING, end, first - end
        end = min(first + (length + 7 & ~7), size)  # with its padding
        for at in range(first, end, LARGEST):
            yield name, at, min(LARGEST, end - at)


def _buffers(path: Path) -> set[tuple[int, int, str]]:
    """(first byte, size, name) of all buffers that hold something."""
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
    """A name for each buffer of a column of this type, in the order in which Arrow lists them."""
    own = (["nulls", "offsets"] if kind.num_fields else ["nulls", "values"]) if kind.num_buffers == 2 else None
    for label in own or ["nulls", "offsets", "values"][: kind.num_buffers]:
        yield f"{name} {label}"
    for at in range(kind.num_fields):
        yield from _labels(kind.field(at).type, f"{name}.{kind.field(at).name}")
