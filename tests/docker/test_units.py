"""The systemd units, checked by systemd, and by their sections where systemd is not installed."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seismic_server.settings import Settings
from seismic_tools.cli import app
from tests.reader import ROOT

FOLDER = ROOT / "docker/deploy/systemd"
UNITS = sorted(FOLDER.iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/seismic/bin/seismic"
MOST_EXPOSED = 20
"""Exposure that `systemd-analyze security` may find, of 100."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)"
)


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def directives(unit: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=True)  # refuses what is given twice
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units, with a program that exists."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    return tmp_path


@needs_systemd
def test_systemd_accepts_them(installed: Path) -> None:
    assert analyze("verify", "--man=no", *(installed / unit.name for unit in UNITS)) == ""
    calendar = directives(FOLDER / "seismic-snapshot@.timer")["Timer"]["OnCalendar"]
    analyze("calendar", calendar)


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_services_are_hardened(installed: Path, unit: Path) -> None:
    analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", installed / unit.name)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_sections(unit: Path) -> None:
    kind = {".service": "Service", ".timer": "Timer"}[unit.suffix]
    found = directives(unit)
    assert set(found) - {"Install"} == {"Unit", kind}
    assert found["Unit"]["Description"]
    if kind == "Service":
        assert found[kind]["ExecStart"].startswith(f"{PROGRAM} ")
        assert (found[kind]["NoNewPrivileges"], found[kind]["ProtectSystem"]) == ("yes", "strict")
        assert "MemoryDenyWriteExecute" not in found[kind]  # kernels are compiled to memory


def test_requests_have_time_to_finish() -> None:
    service = directives(FOLDER / "seismic.service")["Service"]
    assert int(service["TimeoutStopSec"]) > Settings(directory=Path()).shutdown_seconds + 2
    assert service["KillMode"] == "mixed"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_their_commands_exist(unit: Path) -> None:
    """Every option of the command line is one that `seismic` has."""
    words = directives(unit)["Service"]["ExecStart"].split()[1:]
    command = ["snapshot", "create"] if words[0] == "snapshot" else None
    options = {word for word in words if word.startswith("--")}
    if command:
        known = CliRunner().invoke(app, [*command, "--help"]).output
    else:
        known = " ".join(f"--{name.replace('_', '-')}" for name in Settings.model_fields)
    assert options
    assert options <= set(re.findall(r"--[\w-]+", known))
