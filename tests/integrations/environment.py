"""Virtual environments of the integrations: one per folder, kept until its requirements change."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = Path(__file__).parent
KEPT = ROOT / ".venv" / "integrations"
REQUIREMENTS = "requirements.txt"

_PROJECT = re.compile(r"project(\[[\w,-]+\])?")
_PINNED = re.compile(r"([\w.-]+)(\[[\w,.-]+\])?==[\w.!+-]+( *;.*)?")
_LISTING = """
import json
from importlib.metadata import distributions
print(json.dumps({each.metadata["Name"]: each.version for each in distributions()}))
"""


class IntegrationError(Exception):
    """What was named cannot be tested; the message says why."""


class Requirements(NamedTuple):
    """What a folder needs."""

    pinned: list[str]  # "name==version"
    project: str | None  # "", "[text]": install this project, with these extras

    @property
    def names(self) -> list[str]:
        """Return the names of the libraries."""
        return [re.split(r"[\[=]", line)[0] for line in self.pinned]


class Environment(NamedTuple):
    """An environment with the libraries of a folder."""

    python: Path
    versions: dict[str, str]  # installed version by name: Python's, and the libraries that the folder pins


def find(names: list[str], folders: Path = FOLDERS) -> list[Path]:
    """Return the folders of these integrations, or all."""
    known = {path.parent.name: path.parent for path in sorted(folders.glob(f"*/{REQUIREMENTS}"))}
    for name in names:
        if name not in known:
            raise IntegrationError(f"{name}: not an integration; expected one of {', '.join(known)}")
    for folder in known.values():
        if not any(folder.glob("test_*.py")):
            raise IntegrationError(f"{folder}: has {REQUIREMENTS} and no test_*.py")
    return [known[name] for name in names or known]


def read_requirements(file: Path) -> Requirements:
    """Read a folder's requirements. Every line pins a version, or is `project` or `project[EXTRA,...]`."""
    pinned, project = [], None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if match := _PROJECT.fullmatch(line):
            project = match[1] or ""
        elif _PINNED.fullmatch(line):
            pinned.append(line)
        elif line:
            raise IntegrationError(
                f"{file}, line {number}: {line!r}; expected NAME==VERSION, project or project[EXTRA]"
            )
    return Requirements(pinned, project)


@contextmanager
def environment(folder: Path, requirements: Requirements, kept: Path = KEPT) -> Iterator[Environment]:
    """Yield the environment of a folder, installed if necessary; nobody else changes it meanwhile.

    Raises:
        IntegrationError: if the libraries cannot be installed. The log stays beside the environment.
    """
    place, log = kept / folder.name, kept / f"{folder.name}.install.log"
    python, stamp, wanted = place / "bin" / "python", place / ".installed", _wanted(requirements)
    kept.mkdir(parents=True, exist_ok=True)
    with (kept / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            _install(place, python, requirements, log)
            stamp.write_text(wanted)
        listing = subprocess.run([python, "-I", "-c", _LISTING], capture_output=True, text=True, check=True)
        versions = {_plain(name): number for name, number in json.loads(listing.stdout).items()}
        tested = {name: versions[_plain(name)] for name in requirements.names if _plain(name) in versions}
        yield Environment(python, {"python": ".".join(map(str, sys.version_info[:3])), **tested})


def _install(place: Path, python: Path, requirements: Requirements, log: Path) -> None:
    """Create an environment and install into it, without a pip of its own."""
    wanted = [f"pytest=={version('pytest')}", *requirements.pinned]
    if requirements.project is not None:
        wanted += ["--editable", f"{ROOT}{requirements.project}"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    with log.open("w") as out:
        for command in ([sys.executable, "-m", "venv", "--without-pip", str(place)], [*pip, "install", *wanted]):
            print("$", *command, file=out, flush=True)
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=_environ(), cwd=ROOT)
            if done.returncode:
                raise IntegrationError(_explained(log, done.returncode))


def _environ() -> dict[str, str]:
    """Return the environment variables without what points to this interpreter's modules."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _explained(log: Path, code: int) -> str:
    """Say why an installation failed: by what pip calls an error, or by the last lines of the log."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lstrip().startswith("ERROR:")] or lines[-3:]
    return "\n".join([f"the installation ended with code {code}; its log is {log}", *errors[-5:]])


def _wanted(requirements: Requirements) -> str:
    """Return a hash of what an environment depends on."""
    parts = [sys.version, version("pytest"), *requirements.pinned]
    if requirements.project is not None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = [project["optional-dependencies"][name] for name in re.findall(r"[\w-]+", requirements.project)]
        parts += [requirements.project, repr((project["dependencies"], extras, project["entry-points"]))]
    return sha256("\n".join(parts).encode()).hexdigest()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
