"""`make test` runs all of its parts and fails if one of them does."""

import subprocess
import sys

import pytest

from tests.parts import COVERAGE, Part, parts, run
from tests.reader import ROOT


def part(name: str, code: int) -> Part:
    return Part(name, [sys.executable, "-c", f"raise SystemExit({code})"])


def test_a_failure_hides_no_later_part(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([part("one", 1), part("two", 0), Part("three", [sys.executable, "-c", "print('reached')"])]) == 1
    out = capfd.readouterr().out
    assert "reached" in out
    assert [line.split()[0] for line in out.partition("== summary\n")[2].splitlines()] == ["FAILED", "passed", "passed"]


def test_it_passes_if_all_parts_do() -> None:
    assert run([part("one", 0), part("two", 0)]) == 0


def test_selecting_no_test_fails_only_where_all_are_asked_for() -> None:
    nothing = part("nothing selected", pytest.ExitCode.NO_TESTS_COLLECTED)
    assert (run([nothing]), run([nothing], none_is_fine=True)) == (1, 0)


def test_a_part_sees_its_environment(capfd: pytest.CaptureFixture[str]) -> None:
    says = "import os; print(os.environ['SEISMIC_SIMD'])"
    assert run([Part("form", [sys.executable, "-c", says], {"SEISMIC_SIMD": "portable"})]) == 0
    assert "portable\n" in capfd.readouterr().out


def test_every_part_tests_something_that_is_there() -> None:
    suite = parts([], coverage=True)
    assert [one.name for one in suite][0 :: len(suite) - 1] == ["all tests", "coverage of 95 %"]
    assert [one.name for one in suite][:-1] == [one.name for one in parts([])]
    for one in suite:
        assert all((ROOT / word).exists() for word in one.command if word.startswith("tests/"))


def test_make_runs_them() -> None:
    planned = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "-m tests.parts" in planned.stdout
    planned = subprocess.run(["make", "--dry-run", "coverage"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"-m tests.parts {COVERAGE}" in planned.stdout
