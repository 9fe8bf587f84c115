"""The wheel, installed beside packages of a user's own, without this source tree."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("seismic", "seismic_server", "seismic_tools")

SCRIPT = """\
import seismic
import seismic.client
import seismic_server
import seismic_tools

with seismic.open("scifact") as index:
    generation: str = index.generation
    wrong: int = index.generation
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=600)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=600)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", paths["purelib"], str(wheel)], check=True, timeout=600)
    Path(paths["purelib"], "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder with packages and modules of common names, which fail when they are imported."""
    for name in ("server", "index_tools", "tests", "commands"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the user\\'s {name} ran')")
    for name in ("cli", "app", "settings", "terminal", "measure"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the user\\'s {name} ran')")
    return tmp_path


def execute(python: Path, *arguments: str, home: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(
        [str(python), *arguments],
        cwd=home,
        env=environment | ({"PYTHONPATH": path} if path else {}),
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_wheel_has_three_packages_with_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    tops = {name.partition("/")[0] for name in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(files)


@pytest.mark.parametrize("user_first", [False, True], ids=["working folder", "PYTHONPATH"])
def test_commands_run_the_installed_code_beside_packages_of_the_same_names(
    python: Path, home: Path, user_first: bool
) -> None:
    path = str(home) if user_first else ""
    start = "-c", "from seismic_tools.cli import main; main()"  # what the script `seismic` does
    for arguments in (("serve", "--help"), ("keys", "--help"), ("--version",)):
        done = execute(python, *start, *arguments, home=home, path=path)
        assert (done.returncode, done.stderr) == (0, ""), arguments
    assert "--port" in execute(python, *start, "serve", "--help", home=home, path=path).stdout
    code = f"import {', '.join(PACKAGES)}; print(*(one.__file__ for one in ({', '.join(PACKAGES)})))"
    found = execute(python, "-c", code, home=home, path=path)
    assert found.returncode == 0, found.stderr
    assert all(Path(file).is_relative_to(python.parents[1]) for file in found.stdout.split())


def test_scripts_of_users_are_type_checked(python: Path, home: Path) -> None:
    (home / "script.py").write_text(SCRIPT)
    options = "--strict", "--cache-dir", "cache", "--python-executable", str(python)
    checked = execute(Path(sys.executable), "-m", "mypy", *options, "script.py", home=home)
    wrong = 'script.py:8: error: Incompatible types in assignment (expression has type "str", variable has type "int")'
    errors = [line.partition("  [")[0] for line in checked.stdout.splitlines() if ": error: " in line]
    assert errors == [wrong], checked.stdout + checked.stderr
