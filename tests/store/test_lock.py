import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seismic import LockedError, StorageError
from seismic.store import lock
from seismic.store.lock import LOCK, exclusive, writing

HOLD = """
import sys, time
from pathlib import Path
from seismic.store.lock import writing

with writing(Path(sys.argv[1]), "compaction"):
    print("held", flush=True)
    time.sleep(3600)
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the lock of a collection."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_the_lock_file_lives_as_long_as_the_lock(tmp_path: Path) -> None:
    with writing(tmp_path, "build"):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert not any(tmp_path.iterdir())


def test_another_process_is_named_and_leaves_nothing_when_killed(tmp_path: Path) -> None:
    process = holder(tmp_path)
    found = rf"{LOCK} is held: found compaction by process {process.pid} on .+ since \d{{4}}-.*, expected no other"
    with pytest.raises(LockedError, match=found), writing(tmp_path, "build"):
        raise AssertionError
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / LOCK).exists()
    with writing(tmp_path, "build"):
        pass
    assert not (tmp_path / LOCK).exists()


def test_waiting_for_a_process_that_ends(tmp_path: Path) -> None:
    process = holder(tmp_path)
    timer = threading.Timer(0.2, process.terminate)
    timer.start()
    with writing(tmp_path, "build", timeout=600):
        assert process.wait() == -signal.SIGTERM


def test_waiting_ends(tmp_path: Path) -> None:
    with writing(tmp_path, "one"):
        began = time.monotonic()
        with pytest.raises(LockedError, match="found one by"), writing(tmp_path, "other", timeout=0.1):
            raise AssertionError
        assert time.monotonic() - began >= 0.1


def test_threads_take_turns(tmp_path: Path) -> None:
    total = 0

    def add() -> None:
        nonlocal total
        for _ in range(50):
            with exclusive(tmp_path / "lock", "add", timeout=600):
                before = total
                time.sleep(0)
                total = before + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'"text"'])
def test_holders_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    with writing(tmp_path, "one"):
        (tmp_path / LOCK).write_bytes(content)
        with pytest.raises(LockedError, match="found another process, expected"), writing(tmp_path, "other"):
            raise AssertionError


def test_the_lock_goes_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), writing(tmp_path, "one"):
        raise RuntimeError
    with writing(tmp_path, "other"):
        pass


def test_a_lock_file_removed_while_it_was_opened_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def open_late(path: Path) -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        opened.append(descriptor)
        if len(opened) == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(lock, "_open", open_late)
    with writing(tmp_path, "one"):
        assert len(opened) == 2
        assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    monkeypatch.setattr(lock.fcntl, "flock", failing(OSError(error, os.strerror(error))))
    before = os.listdir("/proc/self/fd")
    with (
        pytest.raises(StorageError, match=r"cannot lock .*; keep the index on a file system"),
        writing(tmp_path, "one"),
    ):
        raise AssertionError
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_an_interrupted_wait_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock.fcntl, "flock", failing(KeyboardInterrupt()))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(KeyboardInterrupt), writing(tmp_path, "one"):
        raise AssertionError
    assert len(os.listdir("/proc/self/fd")) == len(before)


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=rf"cannot write .*{LOCK}"), writing(tmp_path / "missing", "one"):
        raise AssertionError


def test_an_open_lease_says_nothing_when_the_interpreter_ends(tmp_path: Path) -> None:
    """Its file is closed before modules lose their names, even if the lease is in a cycle that nothing collects."""
    (tmp_path / "file").touch()
    code = (
        "import sys; from pathlib import Path; from seismic.store import lock\n"
        f"lease = lock.Lease(Path({str(tmp_path / 'file')!r}))\n"
        "sys.modules['kept'] = lock\n"
        "lock.lease, lock.cycle = lease, [lease]; lock.cycle.append(lock.cycle); lock.os = None\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stderr) == (0, "")
