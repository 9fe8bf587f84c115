"""Run actions on a collection in forks of this process and make each fail at one step.

test_crashes.py runs `python -m tests.faults.child CASE FOLDER STRIDE`, which prints JSON. A fork shares imports and
compiled kernels, so a crash costs milliseconds. The product has no hooks for this: steps are Python's audit events and
calls of a wrapped fsync.
"""

import errno
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

import seismic
from seismic import Profile, SearchParams, SparseVectors, StorageError
from seismic.store.profiles import write_profiles

OLD, NEW = ("old", 1.0), ("new", 2.0)
DONE, REFUSED, BROKEN = 0, 3, 4
STEPS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.fsync", "os.truncate", "fcntl.flock"}
READS = {"os.listdir", "os.scandir", "mmap.__new__"}
NO_PATH = {"os.fsync", "fcntl.flock", "mmap.__new__"}

LOCKS = {"LOCK", ".CURRENT-lock"}
"""Lock files, which block nobody once their holder is gone. They remain if their removal failed."""

Action = Callable[[Path], object]


def build(collection: Path, state: tuple[str, float] = NEW) -> None:
    name, weight = state
    vectors = SparseVectors.from_dicts([{0: weight}, {1: 1.0}], 4)
    documents = pa.table({"id": [name, "other"]})
    seismic.build(vectors, collection, documents=documents, replace=collection.exists(), shards=2)


def prepare(folder: Path) -> Path:
    """Create a collection of two `old` generations, with a snapshot of a `new` one beside it."""
    build(folder / "fresh", NEW)
    seismic.create_snapshot(folder / "fresh", folder / "new.snapshot")
    build(folder / "base", OLD)
    build(folder / "base", OLD)
    upsert(folder / "base", "changed")
    return folder / "base"


def upsert(collection: Path, id: str) -> None:
    """Change a document that `found` does not find."""
    seismic.upsert(collection, SparseVectors.from_dicts([{2: 1.0}], 4), pa.table({"id": [id]}))


def store_profile(collection: Path) -> None:
    measured = {"recall": 1.0, "lower": 1.0, "upper": 1.0, "microseconds": 1.0, "exact_microseconds": 1.0, "queries": 9}
    profile = Profile(k=10, target=1.0, params=SearchParams(plan="exact"), **measured)
    write_profiles(collection, "000002", [profile])


def check_sound(collection: Path) -> None:
    """Verify; a failure to read is not reported as damage of the files."""
    damages = seismic.verify(collection).damages
    assert not damages or "disk may be failing" in str(damages) or "Input/output error" in str(damages), damages


def found(collection: Path) -> str:
    """Return the served state; raise unless it is complete."""
    with seismic.open(collection, verify="full") as index:
        [hit] = index.search({"indices": [0], "values": [1.0]})
    assert (hit.id, hit.score) in (OLD, NEW), hit
    return str(hit.id)


ACTIONS: dict[str, Action] = {
    "build": build,
    "restore": lambda collection: seismic.restore_snapshot(collection.parent / "new.snapshot", collection),
    "rollback": seismic.rollback,
    "gc": lambda collection: seismic.collect_garbage(collection, keep=1),
    "snapshot": lambda collection: seismic.create_snapshot(collection, collection.parent / "made.snapshot"),
    "upsert": lambda collection: upsert(collection, "more"),
    "delete": lambda collection: seismic.delete(collection, ["changed"]),
    "compact": seismic.compact,
    "verify": check_sound,
    "open": found,
    "generations": seismic.generations,
    "profile": store_profile,
    "migrate": seismic.migrate,
}


def at_step(number: int, collection: Path, happens: Callable[[], None]) -> Callable[[], int]:
    """Call `happens` just before one of the steps that concern the folder; return a counter of steps."""
    steps, folder = 0, str(collection.parent)

    def step(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if not CONCERNS[happens](event, arguments):
            return
        if event in NO_PATH or folder in str(arguments[0]):
            steps += 1
            if steps == number:
                happens()

    fsync = os.fsync

    def watched(descriptor: int) -> None:
        step("os.fsync", (descriptor,))
        fsync(descriptor)

    os.fsync = watched
    sys.addaudithook(step)
    return lambda: steps


def in_fork(action: Action, collection: Path, prepared: Callable[[], None]) -> int:
    """Run an action in a fork and return its exit code; negative: the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        try:
            prepared()
            action(collection)
            code = DONE
        except StorageError:
            code = REFUSED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def needs_space(event: str, arguments: tuple[object, ...]) -> bool:
    """Return whether a full disk can fail a step."""
    reads = event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR)
    return event in STEPS and not reads and event not in ("os.remove", "os.rmdir")


def count_steps(action: str, collection: Path, happens: Callable[[], None]) -> int:
    """Return the number of steps of an action."""
    result = collection.with_name("steps")

    def counted(collection: Path) -> None:
        steps = at_step(0, collection, happens)
        ACTIONS[action](collection)
        result.write_text(str(steps()))

    assert in_fork(counted, collection, lambda: None) == DONE
    return int(result.read_text())


def each_step(action: str, folder: Path, happens: Callable[[], None], stride: int) -> dict[str, int]:
    """Call `happens` at every `stride`-th step and check the served state after each; count the outcomes.

    A fault of reading can hit the clean-up of an action; the next writer removes what it leaves.
    """
    base, ended = prepare(folder), {"ended": 0, "refused": 0, "killed": 0, "old": 0, "new": 0}
    ACTIONS[action](copied(base, folder / "warm"))  # compiles kernels before the forks
    steps = count_steps(action, copied(base, folder / "whole"), happens)
    for number in range(1, steps + 1, stride):
        collection = copied(base, folder / f"case-{number}")
        code = in_fork(ACTIONS[action], collection, lambda: at_step(number, collection, happens))  # type: ignore[arg-type,return-value] # noqa: B023
        assert code in (DONE, REFUSED, -signal.SIGKILL), (action, number, code)
        state = found(collection)
        ended[{DONE: "ended", REFUSED: "refused"}.get(code, "killed")] += 1
        ended[state] += 1
        assert code != DONE or state == ("new" if action in ("build", "restore") else "old"), (action, number)
        unremoved = [] if happens is no_space else [name for name in left(collection) if name[:5] in (".stag", ".tras")]
        assert code != REFUSED or not {*left(collection)} - {*LOCKS, *unremoved}, (action, number, left(collection))
        snapshot = collection.with_name("made.snapshot")
        assert snapshot.exists() or action != "snapshot" or code != DONE
        if snapshot.exists():  # whole
            seismic.restore_snapshot(snapshot, collection)
        build(collection, OLD)  # nothing blocks the next writer, which leaves nothing behind
        assert found(collection) == "old"
        assert not left(collection), (action, number, left(collection))
        shutil.rmtree(collection.parent)
    return {"steps": steps, **ended}


def copied(base: Path, folder: Path) -> Path:
    """Copy the collection and the snapshot beside it."""
    shutil.copytree(base, folder / "c")
    shutil.copy(base.with_name("new.snapshot"), folder)
    return folder / "c"


def left(collection: Path) -> list[str]:
    """Return the names of temporary files."""
    paths = [*collection.iterdir(), *(collection / "generations").iterdir()]
    return [path.name for path in paths if path.name.startswith(".") or path.name == "LOCK"]


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def disk_fails() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def no_descriptor() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


FAULTS = {"kill": kill, "fail": no_space, "io": disk_fails, "files": no_descriptor}
CONCERNS: dict[Callable[[], None], Callable[[str, tuple[object, ...]], bool]] = {
    kill: lambda event, _: event in STEPS,
    no_space: needs_space,
    disk_fails: lambda event, _: event in STEPS | READS and event not in ("os.remove", "os.rmdir"),
    no_descriptor: lambda event, _: event in {"open", "os.listdir", "os.scandir"},
}
"""Which steps a fault can happen at."""


def short_writes(folder: Path) -> dict[str, int]:
    """Limit the file size, so that writes are short and then fail."""
    base, ended = prepare(folder), {"ended": 0, "refused": 0}

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    for number, action in enumerate(action for action in ("build", "restore", "snapshot") for _ in range(10)):
        size = int(1.9 ** (number % 10) * 40)
        collection = copied(base, folder / f"case-{number}")
        code = in_fork(ACTIONS[action], collection, limit)
        assert code in (DONE, REFUSED), (action, size, code)
        ended["ended" if code == DONE else "refused"] += 1
        assert found(collection) == ("new" if code == DONE and action != "snapshot" else "old")
        assert not set(left(collection)) - LOCKS, (action, size, left(collection))
        assert code == DONE or not (collection.parent / "made.snapshot").exists()
        shutil.rmtree(collection.parent)
    return ended


def writers(folder: Path) -> dict[str, int]:
    """Run four processes that build repeatedly: late ones are refused, and none interferes."""
    base = prepare(folder)
    ended = {"ended": 0, "refused": 0}

    def some(collection: Path) -> None:
        results = []
        for _ in range(5):
            try:
                build(collection, OLD)
                results.append(True)
            except seismic.LockedError:
                results.append(False)
        (folder / f"results-{os.getpid()}").write_text(json.dumps(results))

    pids = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                some(base)
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    for path in folder.glob("results-*"):
        for published in json.loads(path.read_text()):
            ended["ended" if published else "refused"] += 1
    with seismic.open(base, verify="full") as index:
        assert int(index.generation) == 2 + ended["ended"], (index.generation, ended)
    assert found(base) == "old"
    assert not left(base), left(base)
    return ended


def main(case: str, folder: Path, stride: int) -> None:
    kind, _, action = case.partition("-")
    if kind == "limits":
        result = short_writes(folder)
    elif kind == "writers":
        result = writers(folder)
    else:
        result = each_step(action, folder, FAULTS[kind], stride)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
