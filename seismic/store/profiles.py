"""<collection>/profiles/<generation>.json: the measurements of `tune`.

They lie beside the generation because generations are immutable and the same build gives the same bytes.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import xxhash

from seismic.errors import CorruptIndexError, FormatError, ParameterError
from seismic.params import Profile
from seismic.store.collection import GENERATIONS
from seismic.store.failures import file_errors
from seismic.store.files import fsync, hash_file
from seismic.store.manifest import FILE_NAME
from seismic.version import has_major

PROFILES = "profiles"

FORMAT_MAJOR, FORMAT_MINOR = 1, 0
"""A reader accepts any minor of its major and drops unknown fields."""


def profiles_file(collection: Path, generation: str) -> Path:
    """Return the file of a generation's profiles, which may not exist."""
    return collection / PROFILES / f"{generation}.json"


def profiles_stamp(collection: Path, generation: str) -> tuple[int, int] | None:
    """Return a stamp that changes when the profiles of a generation are rewritten; None without profiles."""
    try:
        found = profiles_file(collection, generation).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def write_profiles(collection: Path, generation: str, profiles: Sequence[Profile]) -> Path:
    """Replace the profiles of a generation atomically and return the file. Raises StorageError."""
    path = profiles_file(collection, generation)
    with file_errors("write", path):
        return _write(path, collection, generation, profiles)


def _write(path: Path, collection: Path, generation: str, profiles: Sequence[Profile]) -> Path:
    content: dict[str, Any] = {
        "format": f"{FORMAT_MAJOR}.{FORMAT_MINOR}",
        "generation": generation,
        "manifest_xxh3_128": _manifest_hash(collection, generation),
        "profiles": [profile.model_dump(mode="json") for profile in profiles],
    }
    content["hash"] = _hash(content)
    path.parent.mkdir(exist_ok=True)
    _replace(path, json.dumps(content, indent=1) + "\n")
    return path


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    fresh = Path(name)
    try:
        os.close(descriptor)
        fresh.write_text(text)
        fresh.chmod(0o644)  # mkstemp's files are private
        fsync(fresh)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fsync(path.parent)


def read_profiles(collection: Path, generation: str) -> tuple[Profile, ...]:
    """Return the profiles of a generation; none if it was not tuned, or if they were measured on other bytes.

    Raises CorruptIndexError if the file is damaged, and FormatError if this release cannot read it.
    """
    path = profiles_file(collection, generation)
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, orjson.JSONDecodeError) as error:
        raise _damaged(path, f"it cannot be read as JSON ({error})") from None
    if not isinstance(content, dict) or "format" not in content:
        raise _damaged(path, "found no format version in it")
    if not has_major(content["format"], FORMAT_MAJOR):
        raise FormatError(
            f"{path}: found format {content['format']}, this release reads {FORMAT_MAJOR}.x; run `seismic tune` again, "
            "or delete the file"
        )
    if content.pop("hash", None) != _hash(content):
        raise _damaged(path, "it does not match its own hash")
    try:
        if content["manifest_xxh3_128"] != _manifest_hash(collection, generation):
            return ()
        return tuple(_profile(fields) for fields in content["profiles"])
    except (KeyError, TypeError, AttributeError, OSError, ParameterError) as error:
        raise _damaged(path, f"it does not hold profiles ({error})") from None


def usable_profiles(collection: Path, generation: str) -> tuple[Profile, ...]:
    """Return the profiles of a generation; none, with a warning, if the file is damaged or not for this release.

    Searches are exact without profiles, so that damage costs speed and nothing else.
    """
    try:
        return read_profiles(collection, generation)
    except (CorruptIndexError, FormatError) as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)
        return ()


def _profile(fields: dict[str, Any]) -> Profile:
    return Profile(**{name: value for name, value in fields.items() if name in Profile.model_fields})


def _damaged(path: Path, problem: str) -> CorruptIndexError:
    return CorruptIndexError(
        f"{path} is damaged: {problem}; delete it (searches that ask for a recall are exact then), and run "
        "`seismic tune` again"
    )


def _manifest_hash(collection: Path, generation: str) -> str:
    return hash_file(collection / GENERATIONS / generation / FILE_NAME)


def _hash(content: dict[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
