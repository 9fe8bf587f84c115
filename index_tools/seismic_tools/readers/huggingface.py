"""Folders that `datasets` of Hugging Face wrote: `Dataset.save_to_disk`."""

from pathlib import Path
from typing import Any

import orjson

from seismic import InputError

STATE, SPLITS = "state.json", "dataset_dict.json"


def is_dataset(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (folder / STATE).is_file() or (folder / SPLITS).is_file()


def dataset_files(folder: Path) -> list[Path]:
    """The Arrow streams of a dataset, in its order; InputError if it is not whole, or has splits to choose from."""
    if (folder / SPLITS).is_file():
        splits = _read(folder / SPLITS).get("splits")
        found = ", ".join(map(str, splits)) if isinstance(splits, list) else "none"
        raise InputError(f"{folder}: a dataset with splits ({found}); give the folder of one of them")
    state = _read(folder / STATE)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{folder}: a selection of rows, by an old release; call flatten_indices() and save it again")
    try:
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except (KeyError, TypeError):
        names = []
    if not names or any(Path(name).name != name for name in names):
        raise InputError(f"{folder / STATE}: names no files, or such as lie elsewhere; expected a dataset's own")
    files = [folder / name for name in names]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such file, although {STATE} names it; the dataset is not whole")
    return files


def _read(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    return content
