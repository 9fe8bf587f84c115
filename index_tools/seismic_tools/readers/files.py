"""Files named on the command line: folders, BEIR folders, datasets of Hugging Face, and standard input."""

from collections.abc import Sequence
from pathlib import Path

from seismic import InputError
from seismic.store.collection import is_collection
from seismic_tools.readers.beir import Role, member
from seismic_tools.readers.folder import is_text_folder
from seismic_tools.readers.formats import LAST_RESORT, READERS, STANDARD_INPUT, VECTORS, ending_of, endings, reader_of
from seismic_tools.readers.huggingface import dataset_files, is_dataset


def given(path: Path) -> Path:
    """Return the file behind a path of the command line, where `-` is standard input."""
    return STANDARD_INPUT if path == Path("-") else path


def find_files(paths: Sequence[Path], ending: str | None = None, role: Role = "corpus") -> list[Path]:
    """Return the files of `paths`; InputError for missing or unsupported files and for empty folders.

    A BEIR folder stands for its corpus or its queries, depending on `role`.
    """
    files = []
    for path in map(given, paths):
        if is_dataset(path):
            files.extend(dataset_files(path))
        elif is_collection(path) and ending is None:
            files.append(path)
        elif path.is_dir():
            files.extend(_files_of_folder(path, ending, role))
        elif not path.exists():
            raise InputError(f"{path}: no such file or folder")
        else:
            reader_of(path, ending)
            files.append(path)
    return files


def _files_of_folder(folder: Path, ending: str | None, role: Role) -> list[Path]:
    if chosen := member(folder, role):
        return [chosen]
    if ending is None and not any(ending_of(file) in VECTORS for file in folder.iterdir()) and is_text_folder(folder):
        return [folder]
    visible = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    inside = visible if ending else [file for file in visible if ending_of(file)]
    preferred = [file for file in inside if ending or ending_of(file) not in LAST_RESORT] or inside
    if not preferred:
        raise InputError(f"{folder}: found no supported file, expected {endings()}")
    return preferred


def find_named(folder: Path, name: str) -> Path:
    """Return the file or dataset `name` in a folder, with any supported ending; InputError if there is none."""
    if is_dataset(folder / name):
        return folder / name
    wanted = {f"{name}{ending}": rank for rank, ending in enumerate(READERS)}
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in inside if path.name.lower() in wanted and path.is_file()]
    if not found:
        raise InputError(f"{folder}: found no {name}{next(iter(READERS))}, nor {name} with another supported ending")
    return min(found, key=lambda path: wanted[path.name.lower()])
