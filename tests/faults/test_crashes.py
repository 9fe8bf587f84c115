"""However a writer is stopped, the last published state is served intact, and nothing blocks the next writer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def run(module: str, *arguments: object) -> dict[str, int]:
    """Run a module of this folder and return the counts it prints last."""
    command = [sys.executable, "-m", f"tests.faults.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr[-2000:]}"
    counts: dict[str, int] = json.loads(lines[-1])
    return counts


@pytest.mark.parametrize(
    ("action", "stride"), [("build", 3), ("restore", 7), ("rollback", 2), ("gc", 2), ("snapshot", 3)]
)
def test_kill_9(tmp_path: Path, action: str, stride: int) -> None:
    counts = run("child", f"kill-{action}", tmp_path, stride)
    assert counts["killed"] == len(range(1, counts["steps"] + 1, stride)) >= 5


@pytest.mark.parametrize(
    ("action", "stride"), [("build", 5), ("restore", 9), ("rollback", 3), ("gc", 3), ("snapshot", 4)]
)
def test_steps_that_fail_for_want_of_space(tmp_path: Path, action: str, stride: int) -> None:
    counts = run("child", f"fail-{action}", tmp_path, stride)
    assert counts["refused"] + counts["ended"] == len(range(1, counts["steps"] + 1, stride))
    assert counts["killed"] == 0
    assert counts["refused"] >= 1


FAULTS = [
    *[("fail-upsert", 2), ("fail-compact", 13), ("fail-profile", 3)],
    *[("io-upsert", 4), ("io-compact", 29), ("io-verify", 9), ("io-restore", 37), ("io-snapshot", 7)],
    *[("files-delete", 4), ("files-compact", 31), ("files-open", 7), ("files-generations", 2), ("files-build", 31)],
    *[("files-rollback", 13), ("files-gc", 7), ("files-migrate", 1)],
]
"""A full disk, a failing disk and exhausted descriptors, by action, each at every `stride`-th step."""


@pytest.mark.parametrize(("case", "stride"), FAULTS)
def test_steps_that_fail_once(tmp_path: Path, case: str, stride: int) -> None:
    """Whatever the file system refuses, it is a StorageError, and nothing is lost."""
    counts = run("child", case, tmp_path, stride)
    assert counts["refused"] + counts["ended"] == len(range(1, counts["steps"] + 1, stride))
    assert counts["refused"] >= 1


def test_short_writes(tmp_path: Path) -> None:
    counts = run("child", "limits", tmp_path, 1)
    assert counts["refused"] >= 15
    assert counts["ended"] >= 1


def test_writers_at_once(tmp_path: Path) -> None:
    counts = run("child", "writers", tmp_path, 1)
    assert counts["ended"] + counts["refused"] == 20
    assert counts["ended"] >= 1
