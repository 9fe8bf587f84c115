"""Results of a measurement as JSON, written with all their fields and read back with their types."""

from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from seismic import InputError
from seismic.store.failures import file_errors

T = TypeVar("T")

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def to_json(results: object) -> bytes:
    """Return indented JSON of dataclasses, named tuples, models and what they hold; NaN becomes null."""
    return orjson.dumps(results, default=_plain, option=_OPTIONS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    raise TypeError(f"found {type(value).__name__}, which JSON cannot hold")


def write_json(path: Path, results: object) -> None:
    """Write results to a file; StorageError if that fails."""
    with file_errors("write", path):
        path.write_bytes(to_json(results))


def read_json(path: Path, kind: type[T], written_by: str) -> T:
    """Read results of type `kind`; InputError names the first field that is wrong."""
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "file"
        raise InputError(f"{path}: expected the results of `{written_by}` ({field}: {first['msg']})") from None
