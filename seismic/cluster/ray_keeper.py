"""The process beside a front that holds the connection to Ray: `python -m seismic.cluster.ray_keeper`.

It reads a line of JSON, places what fronts ask for in a folder (`placed`), and prints a line of JSON for each event:
`connected`, then `placed` once the collections that are there have machines, or `failed`. It ends when its input ends,
that is, with the front. Actors stay, except those of collections that were not placed.
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from seismic.cluster.actor_options import ActorOptions
from seismic.cluster.placed import NODES, PROBLEMS, read, wanted, write
from seismic.cluster.ray_placement import Placement, Wanted, nodes_content
from seismic.cluster.ray_room import Missing, Waiting
from seismic.cluster.ray_session import connect
from seismic.errors import ParameterError, SeismicError
from seismic.store.collection import is_collection

LOOK_SECONDS, HURRY_SECONDS = 1.0, 0.2
"""Interval between two looks at actors and wishes, and while nodes start."""

MISSED = 5
"""Looks in a row at which a collection must be missing until its actors are ended: its folder may be replaced."""

END_SECONDS = 10.0
"""Time to remove what was not placed once the front has ended."""


class Keeper:
    """Keeps the actors of wanted collections running, and the nodes file up to date.

    `seconds`: how long to wait for machines; 0: a collection is created only once they are there. A nodes file in
    `folder`, of a keeper that has ended, says how many parts and replicas collections had.
    """

    def __init__(self, placement: Placement, folder: Path, seconds: float) -> None:
        self._placement, self._folder, self._seconds = placement, folder, seconds
        self._added: dict[str, Path] = {}
        self._missed: dict[str, int] = {}
        self._failed: dict[str, SeismicError] = {}
        self._lacking: dict[str, Missing] = {}
        self._written: dict[str, Any] = {}
        self._before = read(folder / NODES).get("collections", {})
        self._created: set[str] = set()

    def start(self, ending: threading.Event) -> None:
        """Wait until the wanted collections have machines. Raises UnavailableError and ParameterError if they do not.

        Nothing stays of those that were created then, or if the front ends meanwhile.
        """
        waiting, started = Waiting(self._seconds, lambda text: tell("waiting for machines", reason=text)), False
        try:
            while not started and not ending.is_set():
                self._take_up()
                self._check()
                waiting.check(next(iter(self._lacking.values()), None))
                self._look()
                started = waiting.check(self._missing())
        finally:
            if not started:
                for name in self._created:
                    self._placement.remove(self._added[name])

    def step(self) -> None:
        """Take up wishes, ask actors where they listen, and write what has changed. Takes as long as `pause`."""
        until = time.monotonic() + self.pause
        self._take_up()
        self._look()
        time.sleep(max(0.0, until - time.monotonic()))

    @property
    def pause(self) -> float:
        """Seconds until the next look: fronts wait for nodes that start."""
        return HURRY_SECONDS if any(map(self._placement.starting, self._added.values())) else LOOK_SECONDS

    def _take_up(self) -> None:
        for name, collection in wanted(self._folder).items():
            if self._added.get(name) != collection and is_collection(collection):
                self._add(name, collection)
        for name, collection in list(self._added.items()):
            self._missed[name] = 0 if is_collection(collection) else self._missed.get(name, 0) + 1
            if self._missed[name] >= MISSED:
                self._remove(name, collection)

    def _look(self) -> None:
        self._placement.look(self.pause)
        self._write(NODES, nodes_content(self._placement, self._added))
        problems = {name: self._placement.problems(collection) for name, collection in self._added.items()}
        problems |= {name: [str(error)] for name, error in self._failed.items()}
        problems |= {name: [missing.text] for name, missing in self._lacking.items()}
        if self._write(PROBLEMS, problems):
            for name, listed in problems.items():
                tell("collection is degraded" if listed else "nodes are placed", collection=name, problems=listed)

    def _add(self, name: str, collection: Path) -> None:
        if parts := self._before.get(name):
            self._placement.remember(collection, len(parts), parts[0]["replicas"])
        try:
            existed = self._placement.exists(collection)
            missing = self._placement.missing(collection)
            if missing is not None and self._seconds == 0.0:
                self._lacking[name] = missing
                return
            self._placement.add(collection)
        except SeismicError as error:
            self._failed[name] = error
            return
        self._failed.pop(name, None)
        self._lacking.pop(name, None)
        self._added[name] = collection
        if not existed:
            self._created.add(name)

    def _missing(self) -> Missing | None:
        """Return which machines the collections lack that have no nodes yet."""
        waits = (self._placement.waits(self._added[name]) for name in sorted(self._created))
        return next((one for one in (*self._lacking.values(), *waits) if one is not None), None)

    def _check(self) -> None:
        """Raise ParameterError if nodes that run already are others than wanted, or were started with other options."""
        for error in self._failed.values():
            if isinstance(error, ParameterError):
                raise error
        for name, collection in self._added.items():
            if (wrong := self._placement.differing(collection)) is not None:
                raise ParameterError(f"collection '{name}': {wrong}")

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


def end_with_input(folder: Path, ending: threading.Event, over: threading.Event) -> None:
    """End this process once the front has ended, and remove what the front could not.

    `over` is set while nothing has to be removed from Ray.
    """
    sys.stdin.read()
    ending.set()
    over.wait(END_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Run until the input ends. Ends with status 2 if Ray cannot be used."""
    asked = json.loads(sys.stdin.readline())
    folder = Path(asked["folder"])
    ending, over = threading.Event(), threading.Event()
    over.set()
    threading.Thread(target=end_with_input, args=(folder, ending, over), daemon=True).start()
    try:
        ray = connect(asked["address"])
    except (SeismicError, ImportError) as error:
        tell("failed", reason=str(error))
        sys.exit(2)
    wanted = Wanted(asked["replicas"], asked["groups"], ActorOptions(**asked["options"]), asked["degraded"])
    keeper = Keeper(Placement(ray, wanted), folder, asked["wait"])
    tell("connected", address=asked["address"])
    if asked["start"]:
        over.clear()
        try:
            keeper.start(ending)
        except Exception as error:  # Ray has no common error
            reason = str(error) if isinstance(error, SeismicError) else f"ray: {type(error).__name__}: {error}"
            tell("failed", reason=reason)
            sys.exit(2)
        finally:
            over.set()
    tell("placed")
    _keep(keeper)


def _keep(keeper: Keeper) -> None:
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
