"""Run every part of the test suite, even after a failure, and sum up.

`python -m tests.parts [--coverage] [ARGUMENTS OF PYTEST]`; measuring coverage takes a third longer.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pytest

from seismic.kernels import cpu

PYTEST = (sys.executable, "-m", "pytest", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")
ALONE = (sys.executable, "-m", "pytest")
"""One process, for tests that share a cluster."""

COVERAGE = "--coverage"

PLANS = ("tests/kernels/test_exact.py", "tests/kernels/test_traverse.py")


class Part(NamedTuple):
    """One command of the suite."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = {}


def parts(arguments: Sequence[str], *, coverage: bool = False) -> list[Part]:
    """Return the parts of the suite; `coverage`: measure it, and demand 95 %."""
    first, last = (["--cov", "--cov-report="], ["--cov", "--cov-append", "--cov-report="]) if coverage else ([], [])
    suite = [
        Part("all tests", [*PYTEST, "--ignore=tests/ray", *first, *arguments]),
        Part("tests on a Ray cluster", [*ALONE, "tests/ray", *last, *arguments]),
    ]
    for form in cpu.runnable()[1:]:
        suite.append(Part(f"plans, SIMD form {form}", [*PYTEST, *PLANS, *arguments], {"SEISMIC_SIMD": form}))
    plain = [*PYTEST, "tests/kernels", *last, *arguments]
    suite.append(Part("kernels without compilation", plain, {"NUMBA_DISABLE_JIT": "1"}))
    if coverage:
        report = [sys.executable, "-m", "coverage", "report", "--skip-covered", "--fail-under=95"]
        suite.append(Part("coverage of 95 %", report))
    return suite


def run(suite: Sequence[Part], *, none_is_fine: bool = False) -> int:
    """Run all parts and print a line for each; return 1 if one failed.

    `none_is_fine`: a part in which no test was selected has not failed.
    """
    lines, failed = [], False
    for part in suite:
        print(f"\n== {part.name}", flush=True)
        began = time.monotonic()
        code = subprocess.run(part.command, env={**os.environ, **part.environment}).returncode
        fine = code == 0 or (none_is_fine and code == pytest.ExitCode.NO_TESTS_COLLECTED)
        failed = failed or not fine
        lines.append(f"{'passed' if fine else 'FAILED'}  {time.monotonic() - began:5.0f} s  {part.name}")
    print("\n== summary", *lines, sep="\n", flush=True)
    return int(failed)


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != COVERAGE]
    sys.exit(run(parts(given, coverage=COVERAGE in sys.argv), none_is_fine=bool(given)))
