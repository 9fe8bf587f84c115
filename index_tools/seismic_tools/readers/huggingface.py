"""Folders written by `Dataset.save_to_disk` of Hugging Face `datasets`."""

from pathlib import Path
from typing import Any

import orjson

from seismic import InputError

STATE, SPLITS = "state.json", "dataset_dict.json"


def is_dataset(folder: Path) -> bool:
    """Return whether `save_to_disk` wrote this folder."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def dataset_files(folder: Path) -> list[Path]:
    """Return the Arrow streams of a dataset in order; InputError if it is incomplete or has several splits."""
    if (folder / SPLITS).is_file():
        splits = _read(folder / SPLITS).get("splits")
        found = ", ".join(map(str, splits)) if isinstance(splits, list) else "none"
        raise InputError(f"{folder}: a dataset with splits ({found}); expected the folder of one split")
    state = _read(folder / STATE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{folder}: a selection of rows; call flatten_indices() and save it again")
    try:
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except (KeyError, TypeError):
        names = []
    if not names or any(Path(name).name != name for name in names):
        raise InputError(f"{folder / STATE}: names no files, or files elsewhere; expected files of this folder")
    files = [folder / name for name in names]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such file, but {STATE} names it; the dataset is incomplete")
    return files


def _read(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    return content
