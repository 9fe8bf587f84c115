"""The process beside a front that holds the connection to Ray: `python -m seismic.cluster.ray_keeper`.

It reads a line of JSON, places what fronts ask for in a folder (`placed`), and prints a line of JSON for each event. It
ends when its input ends, that is, with the front. Actors stay.
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from seismic.cluster.placed import NODES, PROBLEMS, wanted, write
from seismic.cluster.ray_actors import ActorOptions
from seismic.cluster.ray_placement import Placement, Wanted, nodes_content
from seismic.cluster.ray_session import connect
from seismic.errors import SeismicError
from seismic.store.collection import is_collection

LOOK_SECONDS = 1.0
"""Interval between two looks at actors and wishes."""

MISSED = 5
"""Looks in a row at which a collection must be missing until its actors are ended: its folder may be replaced."""


class Keeper:
    """Keeps the actors of wanted collections running, and the nodes file up to date."""

    def __init__(self, placement: Placement, folder: Path) -> None:
        self._placement, self._folder = placement, folder
        self._added: dict[str, Path] = {}
        self._missed: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._written: dict[str, Any] = {}

    def step(self) -> None:
        """Take up wishes, ask actors where they listen, and write what has changed."""
        for name, collection in wanted(self._folder).items():
            if self._added.get(name) != collection:
                self._add(name, collection)
        for name, collection in list(self._added.items()):
            self._missed[name] = 0 if is_collection(collection) else self._missed.get(name, 0) + 1
            if self._missed[name] >= MISSED:
                self._remove(name, collection)
        self._placement.look(LOOK_SECONDS)
        self._write(NODES, nodes_content(self._placement, self._added))
        problems = {name: self._placement.problems(collection) for name, collection in self._added.items()}
        problems |= {name: [problem] for name, problem in self._failed.items()}
        if self._write(PROBLEMS, problems):
            for name, listed in problems.items():
                tell("collection is degraded" if listed else "nodes are placed", collection=name, problems=listed)

    def _add(self, name: str, collection: Path) -> None:
        if not is_collection(collection):
            return
        try:
            self._placement.add(collection)
        except SeismicError as error:
            self._failed[name] = str(error)
            return
        self._failed.pop(name, None)
        self._added[name] = collection

    def _remove(self, name: str, collection: Path) -> None:
        tell("collection is gone, its actors are ended", collection=name)
        self._placement.remove(collection)
        del self._added[name]

    def _write(self, file: str, content: dict[str, Any]) -> bool:
        if self._written.get(file) == content:
            return False
        write(self._folder / file, content)
        self._written[file] = content
        return True


def tell(event: str, **values: Any) -> None:
    """Print an event for the front's log."""
    print(json.dumps({"event": event, **values}), flush=True)


def end_with_input(folder: Path) -> None:
    """End this process once the front has ended, and remove what the front could not."""
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Run until the input ends. Ends with status 2 if Ray cannot be used."""
    asked = json.loads(sys.stdin.readline())
    folder = Path(asked["folder"])
    threading.Thread(target=end_with_input, args=(folder,), daemon=True).start()
    try:
        ray = connect(asked["address"])
    except (SeismicError, ImportError) as error:
        tell("failed", reason=str(error))
        sys.exit(2)
    options = ActorOptions(verify=asked["verify"])
    keeper = Keeper(Placement(ray, Wanted(asked["replicas"], asked["groups"], options)), folder)
    tell("connected", address=asked["address"])
    told = ""
    while True:
        try:
            keeper.step()
        except Exception as error:  # Ray has no common error; the GCS may be gone for a while
            if (reason := f"{type(error).__name__}: {error}") != told:
                tell("ray cannot be used", reason=reason)
            told = reason
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
