"""Run the tests with other people's libraries: `python -m tests.integrations.run [NAME ...]`.

Each folder beside this file with a requirements.txt gets an environment of its own. All folders are tried even after a
failure. The summary and `results/integrations.json` say which versions were tested.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tests.integrations.environment import (
    FOLDERS,
    KEPT,
    REQUIREMENTS,
    ROOT,
    Environment,
    IntegrationError,
    environment,
    find,
    read_requirements,
)

REPORT = ROOT / "results" / "integrations.json"
PATIENCE = 3600
"""Seconds after which the tests of a folder are ended."""


class Outcome(NamedTuple):
    """What became of a folder."""

    name: str
    status: str  # "passed", "failed", "not installed", "timed out"
    versions: Mapping[str, str] = {}
    passed: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    message: str = ""


def tested(folder: Path, kept: Path) -> Outcome:
    """Install what a folder needs and run its tests."""
    began = time.monotonic()
    try:
        requirements = read_requirements(folder / REQUIREMENTS)
        with environment(folder, requirements, kept) as ready:
            return _run(folder, ready, project=requirements.project is not None, kept=kept)
    except IntegrationError as error:
        print(error, flush=True)
        return Outcome(folder.name, "not installed", seconds=time.monotonic() - began, message=str(error))


def _run(folder: Path, ready: Environment, *, project: bool, kept: Path) -> Outcome:
    began, junit = time.monotonic(), kept / f"{folder.name}.xml"
    junit.unlink(missing_ok=True)
    options = "-c", FOLDERS / "pytest.ini", f"--confcutdir={FOLDERS}", f"--junitxml={junit}"
    command = [ready.python, "-m", "pytest", *options, folder]
    process = subprocess.Popen(command, cwd=ROOT, env=_environ(project), start_new_session=True)
    try:
        code, status = process.wait(PATIENCE), ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        code, status = process.wait(), "timed out"
    counts = _counts(junit)
    status = status or ("passed" if code == 0 and counts["passed"] else "failed")
    message = (
        f"ended after {PATIENCE} s" if status == "timed out" else "" if status == "passed" else f"exit code {code}"
    )
    return Outcome(folder.name, status, ready.versions, **counts, seconds=time.monotonic() - began, message=message)


def _environ(project: bool) -> dict[str, str]:
    """Return the variables of the tests. This tree is imported only where the folder asks for the project."""
    path = [str(ROOT), *([str(ROOT / "server"), str(ROOT / "index_tools")] if project else [])]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTEST_ADDOPTS")}
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "SEISMIC_PYTHON": sys.executable}


def _counts(junit: Path) -> dict[str, int]:
    if not junit.exists():
        return {"passed": 0, "skipped": 0, "failed": 0}
    suites = ElementTree.parse(junit).getroot().iter("testsuite")
    number = {"tests": 0, "skipped": 0, "failures": 0, "errors": 0}
    for suite in suites:
        for name in number:
            number[name] += int(suite.get(name, 0))
    failed = number["failures"] + number["errors"]
    return {
        "passed": max(0, number["tests"] - number["skipped"] - failed),
        "skipped": number["skipped"],
        "failed": failed,
    }


def summary(outcomes: list[Outcome]) -> list[str]:
    """Return a line per folder: its status, counts and the versions tested."""
    lines = []
    for one in outcomes:
        status = one.status if one.status == "passed" else one.status.upper()
        skipped = f", {one.skipped} skipped" if one.skipped else ""
        failed = f", {one.failed} failed" if one.failed else ""
        versions = ", ".join(f"{name} {number}" for name, number in one.versions.items())
        lines.append(f"{status:13}  {one.name}: {one.passed} passed{skipped}{failed}, {one.seconds:.0f} s; {versions}")
        lines += [f"               {line}" for line in one.message.splitlines()]
    return lines


def main(names: list[str], folders: Path = FOLDERS, kept: Path = KEPT, report: Path = REPORT) -> int:
    """Test the named folders, or all; return 1 if one did not pass, 2 if a name is unknown."""
    try:
        chosen = find(names, folders)
    except IntegrationError as error:
        print(error, file=sys.stderr)
        return 2
    outcomes = []
    for folder in chosen:
        print(f"\n== {folder.name}", flush=True)
        outcomes.append(tested(folder, kept))
    print("\n== summary", *summary(outcomes), sep="\n", flush=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = [one._asdict() for one in outcomes]
    report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(any(one.status != "passed" for one in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
