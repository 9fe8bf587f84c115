"""Folders of documents as people keep them: Markdown, text, HTML, PDF, CSV and JSON side by side."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from seismic import InputError, VectorError
from seismic_tools.readers.batch import BY_TOKEN, VECTOR_FIELDS, Batch, Reading, Rows
from seismic_tools.readers.objects import Collector
from seismic_tools.readers.plain import PARSERS, ROWS, UnreadableError, documents_of

TEXT_NAMES = ("text", "content", "contents")

BATCH_DOCUMENTS, BATCH_CHARACTERS = 1024, 1 << 23
"""Most documents of a batch, and characters after which it ends."""

ABOUT = ("readme", "license", "licence", "changelog", "notice")
"""Names of files that describe a folder of data."""


def is_text_folder(folder: Path) -> bool:
    """Return whether a folder holds documents of several plain kinds, rather than files of vectors or rows alone."""
    kinds = {ending_of_plain(path) for path in walk(folder) if not path.stem.lower().startswith(ABOUT)}
    return bool(kinds - {"", ".json", ".jsonl", ".ndjson"})


def ending_of_plain(path: Path) -> str:
    """Return the ending of a plain file in lower case; empty for other files."""
    ending = path.suffix.lower()
    return ending if ending in PARSERS else ""


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder by name, without hidden ones. A folder behind several links is read once."""
    seen = set[str]()

    def below(inside: Path) -> Iterator[Path]:
        place = os.path.realpath(inside)
        if place in seen:
            return
        seen.add(place)
        for path in sorted(inside.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                yield from below(path)
            elif path.is_file():
                yield path

    yield from below(folder)


def read_folder(folder: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the documents of all plain files below a folder, whose ids are their paths. VectorError names the file.

    A file that cannot be read is left out and named on standard error.
    """
    files = [path for path in walk(folder) if ending_of_plain(path)]
    yield from _read(folder, files, reading)


def read_plain_file(path: Path, reading: Reading) -> Iterator[Batch]:
    """Yield the documents of one plain file. InputError for one that cannot be read."""
    yield from _read(path, [path], reading)


def _read(source: Path, files: list[Path], reading: Reading) -> Iterator[Batch]:
    known: dict[str, Any] = {}
    waiting: list[tuple[str, dict[str, Any]]] = []
    size, skip = 0, reading.skip
    for number, path in enumerate(files, 1):
        for place, document in _documents(source, path, reading):
            if skip:
                skip -= 1
                continue
            waiting.append((place, document))
            size += len(document.get("text") or "")
        if len(waiting) >= BATCH_DOCUMENTS or size >= BATCH_CHARACTERS:
            yield _batch(source, waiting, known, reading, number / len(files))
            waiting, size = [], 0
    if waiting:
        yield _batch(source, waiting, known, reading, 1.0)


def _documents(source: Path, path: Path, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, document) of a file; in a folder, those without a text are left out like files."""
    alone = source == path
    name = Path(path.name) if alone else path.relative_to(source)
    ending = ending_of_plain(path)
    try:
        found = documents_of(name, path.read_bytes(), ending)
        yield from [(place, _named(document, reading, place, rows=ending in ROWS)) for place, document in found]
    except (UnreadableError, OSError, ImportError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if alone:
            raise InputError(f"{path}: {problem}") from None
        typer.echo(f"left out {path}: {problem}", err=True)


def _named(document: dict[str, Any], reading: Reading, place: str, *, rows: bool) -> dict[str, Any]:
    """Return a document with an id, as text, and its text under this name."""
    column = reading.id_field or ("_id" if "id" not in document and "_id" in document else "id")
    identity = document.get(column) if rows else None
    named = {"id": place.replace(", row ", "#") if identity is None else str(identity)}
    named |= {name: value for name, value in document.items() if name not in (column, "id")}
    found = [name for name in TEXT_NAMES if name in named]
    if found and found[0] != "text":
        named["text"] = named.pop(found[0])
    if VECTOR_FIELDS.intersection(named):
        return named
    if reading.texts is None:
        raise InputError(f"{place}: found a text without a vector, expected an encoder for it (--encoder)")
    if reading.texts.fields and not any(field in named for field in reading.texts.fields):
        expected = ", ".join(reading.texts.fields)
        raise UnreadableError(f"{place.rpartition(', ')[2]}: found no {expected} among {', '.join(document)[:80]}")
    return named


def _batch(
    source: Path, waiting: list[tuple[str, dict[str, Any]]], known: dict[str, Any], reading: Reading, share: float
) -> Batch:
    rows = Rows(source, "file", [place for place, _ in waiting])
    collector = Collector(reading, None)
    try:
        for _, document in waiting:
            collector.add(document)
        documents = collector.documents(known)
        vectors = collector.vectors(documents)
    except VectorError as error:
        raise rows.placed(error) from None
    return Batch(rows, vectors, documents, collector.field in BY_TOKEN, share)
