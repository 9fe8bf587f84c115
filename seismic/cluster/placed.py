"""The folder in which fronts ask for nodes and find them: a process beside the fronts places what they ask for.

Fronts write the collections that they want; `ray_keeper` writes the nodes file, which fronts follow, and the problems.
So fronts need no connection to Ray, and keep the nodes that they know while Ray cannot be reached.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seismic.errors import StorageError

NODES, PROBLEMS, WANTED = "nodes.json", "problems.json", "wanted"

WAIT_SECONDS = 60.0
"""Time for the nodes of a collection to be placed."""

LOOK_SECONDS = 0.05


def want(folder: Path, name: str, collection: Path) -> None:
    """Ask for nodes of a collection."""
    file = hashlib.sha256(name.encode()).hexdigest()[:32] + ".json"
    write(folder / WANTED / file, {"name": name, "folder": str(collection)})


def wanted(folder: Path) -> dict[str, Path]:
    """Return the collections that fronts want: name -> folder."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / WANTED).glob("*.json"))]
    return {one["name"]: Path(one["folder"]) for one in found}


def wait_for(
    folder: Path, name: str, collection: Path, ending: Callable[[], bool], seconds: float = WAIT_SECONDS
) -> Path:
    """Ask for nodes of a collection, wait for them, and return the nodes file.

    Raises StorageError if there are none within `seconds`, or once `ending` says that they are not needed any more.
    """
    want(folder, name, collection)
    until = time.monotonic() + seconds
    while True:
        if name in read(folder / NODES).get("collections", {}):
            return folder / NODES
        if ending() or time.monotonic() >= until:
            found = "; ".join(read(folder / PROBLEMS).get(name, [])) or "the cluster has not been reached"
            raise StorageError(f"collection '{name}' has no nodes on Ray yet: {found}")
        time.sleep(LOOK_SECONDS)


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by JSON that only its owner can read."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(0o600)
    partial.write_text(json.dumps(content), encoding="utf-8")
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file; nothing if it has not been written yet."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
