"""Virtual environments of the rivals, created on first use and kept."""

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
    """Return the default folder of the environments."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "seismic", "bench")


def python_of(engine: Engine, environments: Path) -> str:
    """Return the Python with this engine, after installing it if necessary; InstallError if that fails."""
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
        output = [line for line in (done.stderr or done.stdout).split("\n") if line.strip()]
        raise InstallError(output[-1] if output else f"{' '.join(command)} ended with code {done.returncode}")
