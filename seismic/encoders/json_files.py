"""Read the JSON files of a model's folder."""

import json
from pathlib import Path
from typing import Any

from seismic.errors import EncoderError
from seismic.lines import without_mark


def read_object(path: Path, optional: bool = False) -> dict[str, Any]:
    """Return a JSON object; empty if the file is `optional` and does not exist. Raises EncoderError."""
    if optional and not path.exists():
        return {}
    content = _content(path)
    if not isinstance(content, dict):
        raise EncoderError(f"{path}: found a JSON {type(content).__name__}, expected an object")
    return content


def read_list(path: Path) -> list[dict[str, Any]]:
    """Return a JSON list of objects. Raises EncoderError."""
    content = _content(path)
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise EncoderError(f"{path}: found a JSON {type(content).__name__}, expected a list of objects")
    return content


def _content(path: Path) -> Any:
    try:
        return json.loads(without_mark(path.read_bytes()))
    except OSError as error:
        raise EncoderError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise EncoderError(f"{path}: cannot be read as JSON: {error}") from None
