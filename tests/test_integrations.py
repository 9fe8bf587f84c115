"""The frame of the integrations: names, requirements, environments and what it says of failures."""

import json
import sys
from pathlib import Path

import pytest

from tests.integrations import environment, run
from tests.integrations.environment import FOLDERS, Environment, IntegrationError, find, read_requirements
from tests.integrations.run import Outcome, main, summary

SKIPPED = "import pytest\n\n@pytest.mark.skip\ndef test_skipped(): pass\n\n"


def folder(parent: Path, name: str, requirements: str, test: str = "def test(): pass\n") -> Path:
    place = parent / name
    place.mkdir(parents=True)
    (place / "requirements.txt").write_text(requirements)
    (place / "test_it.py").write_text(test)
    return place


def test_every_folder_pins_its_libraries() -> None:
    folders = find([])
    assert folders
    for place in folders:
        assert read_requirements(place / "requirements.txt").pinned, place


def test_unknown_names_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(tmp_path, "known", "a==1\n")
    assert main(["unknown"], tmp_path) == 2
    assert capsys.readouterr().err == "unknown: not an integration; expected one of known\n"


def test_requirements(tmp_path: Path) -> None:
    lines = "# a comment\na-b==1.20.0  # newest\n\nproject[text,client]\nb[extra]==2.0; python_version >= '3.11'\n"
    read = read_requirements(folder(tmp_path, "one", lines) / "requirements.txt")
    assert read.names == ["a-b", "b"]
    assert read.project == "[text,client]"


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "-r other.txt", "projects", "git+https://example.org/x"])
def test_what_is_not_pinned_is_refused(line: str, tmp_path: Path) -> None:
    place = folder(tmp_path, "one", f"a==1\n{line}\n")
    with pytest.raises(IntegrationError, match=r"requirements.txt, line 2: .*; expected NAME==VERSION"):
        read_requirements(place / "requirements.txt")


def test_a_failed_installation_says_why_and_hides_no_later_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder(tmp_path / "folders", "first", "no-such-package-anywhere==1.0\n")
    folder(tmp_path / "folders", "second", "unpinned\n")
    assert main([], tmp_path / "folders", tmp_path / "kept", tmp_path / "report.json") == 1
    first, second = json.loads((tmp_path / "report.json").read_text())
    assert first["status"] == second["status"] == "not installed"
    assert "the installation ended with code 1; its log is" in first["message"]
    assert "ERROR: No matching distribution found for" in first["message"]
    assert "pip" in (tmp_path / "kept" / "first.install.log").read_text()
    assert "NOT INSTALLED  second: 0 passed" in capsys.readouterr().out


def test_environments_are_kept_until_requirements_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = []

    def install(place: Path, python: Path, requirements: environment.Requirements, log: Path) -> None:
        installed.append(requirements.pinned)
        python.parent.mkdir(parents=True)
        python.write_text('#!/bin/sh\necho \'{"A.b": "1"}\'\n')
        python.chmod(0o755)

    monkeypatch.setattr(environment, "_install", install)
    place = folder(tmp_path, "one", "")
    for wanted in (["a-b==1"], ["a-b==1"], ["a-b==2"]):
        with environment.environment(place, environment.Requirements(wanted, None), tmp_path / "kept") as ready:
            assert ready.versions["a-b"] == "1"
    assert installed == [["a-b==1"], ["a-b==2"]]


@pytest.mark.parametrize(
    ("test", "status", "counts"),
    [
        (f"{SKIPPED}def test(): pass\n", "passed", (1, 1, 0)),
        (f"{SKIPPED}def test(): assert 0\n", "failed", (0, 1, 1)),
        (SKIPPED, "failed", (0, 1, 0)),
    ],
)
def test_what_became_of_the_tests(test: str, status: str, counts: tuple[int, int, int], tmp_path: Path) -> None:
    place = folder(tmp_path, "one", "", test)
    outcome = run._run(place, Environment(Path(sys.executable), {"a": "1"}), project=False, kept=tmp_path)
    assert (outcome.status, (outcome.passed, outcome.skipped, outcome.failed)) == (status, counts)


def test_tests_that_hang_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PATIENCE", 1)
    place = folder(tmp_path, "one", "", "import time\n\ndef test(): time.sleep(3600)\n")
    outcome = run._run(place, Environment(Path(sys.executable), {}), project=False, kept=tmp_path)
    assert outcome.status == "timed out"


def test_the_summary_names_versions_and_skipped_tests() -> None:
    (line,) = summary([Outcome("one", "passed", {"python": "3.11.7", "a": "1"}, passed=3, skipped=1, seconds=2.4)])
    assert line == "passed         one: 3 passed, 1 skipped, 2 s; python 3.11.7, a 1"


def test_make_test_leaves_these_folders_out() -> None:
    from tests.conftest import collect_ignore

    assert FOLDERS.name in collect_ignore
