"""Cores that the process may use: its affinity, and the CPU quota of its container."""

import os
from pathlib import Path

import pytest

from seismic_server import machine


@pytest.mark.parametrize(
    ("line", "file", "quota", "cores"),
    [
        ("0::/a/b", "a/cpu.max", "250000 100000\n", 3),
        ("0::/a/b", "a/b/cpu.max", "50000 100000\n", 1),
        ("0::/a/b", "a/cpu.max", "max 100000\n", 8),
        ("0::/a/b", "cpu.max", "1600000 100000\n", 8),
        ("4:cpu,cpuacct:/a", "cpu/a/cpu.cfs_quota_us", "400000\n", 4),
        ("4:cpu,cpuacct:/a", "cpu/a/cpu.cfs_quota_us", "-1\n", 8),
        ("4:memory:/a", "cpu/a/cpu.cfs_quota_us", "100000\n", 8),
    ],
)
def test_cores_are_those_of_the_affinity_and_the_quota(
    line: str, file: str, quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, process = tmp_path / "groups", tmp_path / "process"
    (groups / file).parent.mkdir(parents=True)
    (groups / file).write_text(quota)
    process.mkdir()
    (process / "cgroup").write_text(f"{line}\n")
    monkeypatch.setattr(machine, "CGROUPS", groups)
    monkeypatch.setattr(machine, "PROCESS", process)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert machine.usable_cores() == cores
