"""A virtual environment per rival, made when it is first needed and kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from seismic_tools.measure.bench.engines.base import Engine

NUMPY = "numpy>=2.1,<3"
INSTALLED = ".installed"


class InstallError(Exception):
    """An engine cannot be installed."""


def cache_folder() -> Path:
    """Where environments are kept unless the user says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "seismic", "bench")


def python_of(engine: Engine, environments: Path) -> str:
    """The Python that has this engine; installs it first if need be. Raises InstallError."""
    if engine.requirement is None:
        return sys.executable
    major, minor = sys.version_info[:2]
    folder = environments / f"{engine.requirement.replace('==', '-')}-python{major}.{minor}"
    python = folder / "bin" / "python"
    if not (folder / INSTALLED).exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", engine.requirement, NUMPY)
        (folder / INSTALLED).touch()
    return str(python)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise InstallError(said[-1] if said else f"{' '.join(command)} ended with code {done.returncode}")
