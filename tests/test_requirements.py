"""What is locked is what pyproject.toml asks for, by hash, from nowhere in particular."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from requirements.audit import verdict
from tests.reader import ROOT

FOLDER = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def locked(file: str) -> dict[str, list[Version]]:
    """Return the versions of every package; some have one per Python or platform."""
    found: dict[str, list[Version]] = {}
    for name, version in NAMED.findall((FOLDER / file).read_text()):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found


def wanted(*extras: str) -> list[Requirement]:
    """Return what the project needs with some extras, its own extras resolved."""
    found = [Requirement(line) for line in PROJECT["dependencies"]]
    for extra in extras:
        for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
            found += wanted(*requirement.extras) if requirement.name == PROJECT["name"] else [requirement]
    return found


@pytest.mark.parametrize(("file", "extra"), [("dev.txt", "dev"), ("image.txt", "all")])
def test_everything_needed_is_locked(file: str, extra: str) -> None:
    versions = locked(file)
    build = [Requirement(line) for line in (FOLDER / "build.in").read_text().split()]
    for requirement in [*wanted(extra), *build]:
        found = versions.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is not in {file}: run `make lock`"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: run `make lock`"


def test_the_site_is_built_with_its_extra() -> None:
    lines = (FOLDER / "docs.in").read_text().splitlines()
    assert lines == PROJECT["optional-dependencies"]["docs"]
    for requirement in map(Requirement, lines):
        found = locked("docs.txt").get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} is not in docs.txt: run `make lock`"
        assert all(requirement.specifier.contains(version) for version in found), f"{requirement}: run `make lock`"


def test_the_image_runs_what_is_tested() -> None:
    tested = locked("dev.txt")
    assert all(versions == tested[name] for name, versions in locked("image.txt").items())


@pytest.mark.parametrize("file", ["dev.txt", "image.txt", "tools.txt", "docs.txt"])
def test_every_package_has_hashes_and_no_address(file: str) -> None:
    text = (FOLDER / file).read_text()
    assert "://" not in text
    assert not re.search(r"^(-|\S+ @)", text, re.MULTILINE)
    for package in re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in package, package


def package(name: str, *vulnerabilities: str) -> dict[str, object]:
    return {"name": name, "version": "1", "vulns": [{"id": one, "fix_versions": ["2"]} for one in vulnerabilities]}


@pytest.mark.parametrize(
    ("report", "code", "says"),
    [
        (json.dumps({"dependencies": [package("a"), package("b")]}), 0, "2 packages without known vulnerabilities"),
        (json.dumps({"dependencies": [package("a"), package("b", "X-1")]}), 1, "b 1: X-1 (fixed in 2)"),
        (json.dumps({"dependencies": [package("a"), {"name": "b", "skip_reason": "?"}]}), 2, "for 1 of 2 packages"),
        ("Traceback", 2, "cannot be reached"),
    ],
)
def test_an_audit_that_checked_nothing_is_no_success(report: str, code: int, says: str) -> None:
    lines, found = verdict("dev.txt", report)
    assert found == code
    assert says in lines[0]


def test_the_folder_is_described() -> None:
    described = set(re.findall(r"`([\w.]+\.txt)`", (FOLDER / "README.md").read_text()))
    assert described == {path.name for path in Path(FOLDER).glob("*.txt")}
