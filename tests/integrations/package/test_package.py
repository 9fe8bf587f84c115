"""The wheel and the source distribution, as someone who has nothing else installs them."""

import os
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.integrations.serving import ROOT, SCIFACT

OTHER = "pyseismic-lsr==0.5.4"
USER = '''"""A user's script."""

import seismic

with seismic.open("planets") as index:
    for hit in index.search({"indices": [1, 2], "values": [1.0, 0.5]}, k=2):
        number: int = hit.number
        print(f"{hit.score:.2f}", number)
'''
START = """
import seismic

texts = ["Mars is a cold, red planet.", "Venus is the hottest planet.", "Bread is made of flour."]
encoder = seismic.load_encoder("splade-tiny")
seismic.build(encoder.encode_documents(texts).vectors, "planets", encoder=encoder)
with seismic.open("planets") as index:
    print([texts[hit.number] for hit in index.search("Which planet is hot?", k=2)])
"""


def run(*command: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environ, capture_output=True, text=True, timeout=1800)
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, made of the source distribution."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The programs of an environment without packages."""
    venv.create(tmp_path / "venv", with_pip=True)
    return tmp_path / "venv" / "bin"


def wheel(packages: Path) -> Path:
    [found] = packages.glob("*.whl")
    return found


def test_what_is_inside(packages: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *packages.iterdir(), cwd=tmp_path)
    with zipfile.ZipFile(wheel(packages)) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        entries = archive.read(next(name for name in names if name.endswith("/entry_points.txt"))).decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "seismic",
        "seismic_server",
        "seismic_tools",
    }
    for package in ("seismic", "seismic_server", "seismic_tools"):
        assert f"{package}/py.typed" in names
    assert any(name.startswith("seismic_server/console/") and name.endswith(".html") for name in names)
    assert any(name.endswith(".onnx") for name in names)
    assert "seismic = seismic_tools.cli:main" in entries
    assert "seismic-search = seismic_tools.cli:main" in entries
    assert "Project-URL: Homepage, https://" in metadata
    readme = metadata.partition("\n\n")[2]
    assert "](docs/" not in readme
    assert readme.count("](https://") > 10


def test_from_nothing_to_the_first_hit(packages: Path, empty: Path, tmp_path: Path) -> None:
    """The quick start in an empty environment. The goal is 60 s without downloads on an idle machine."""
    run(empty / "pip", "install", "--quiet", f"{wheel(packages)}[text]", cwd=tmp_path)
    before = os.times()
    began = time.monotonic()
    done = run(empty / "python", "-c", START, cwd=tmp_path)
    used = os.times()
    assert done.stdout.strip() == "['Venus is the hottest planet.', 'Mars is a cold, red planet.']"
    cpu = used.children_user + used.children_system - before.children_user - before.children_system
    print(f"first hit after {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU")
    (tmp_path / "user.py").write_text(USER)
    checked = run(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", empty / "python", "user.py"), cwd=tmp_path
    )
    assert checked.stdout.startswith("Success")
    (tmp_path / "user.py").write_text(USER.replace("number: int", "number: str"))
    wrong = run(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", empty / "python", "user.py"),
        cwd=tmp_path,
        code=1,
    )
    assert "Incompatible types in assignment" in wrong.stdout
    built = SCIFACT / "documents.parquet", "scifact", "--vocabulary", SCIFACT / "vocab.txt"
    assert "5,183" in run(empty / "seismic-search", "build", *built, cwd=tmp_path).stdout
    found = run(empty / "seismic", "search", "scifact", "--tokens", '{"planet": 2.1}', "-k", "1", cwd=tmp_path)
    assert "rank" in found.stdout
    refused = run(empty / "seismic", "serve", "scifact", cwd=tmp_path, code=2)
    assert "pip install 'seismic-search[server]'" in refused.stderr


@pytest.mark.parametrize("ours_first", [True, False])
def test_beside_the_other_package_called_seismic(packages: Path, empty: Path, tmp_path: Path, ours_first: bool) -> None:
    order = [str(wheel(packages)), OTHER]
    for one in order if ours_first else reversed(order):
        run(empty / "pip", "install", "--quiet", one, cwd=tmp_path)
    refused = run(empty / "seismic", "list", ".", cwd=tmp_path, code=2)
    assert refused.stderr.count("\n") == 1
    assert "found pyseismic-lsr 0.5.4 beside seismic-search" in refused.stderr
    if not ours_first:
        assert "beside seismic-search" in run(empty / "python", "-c", "import seismic", cwd=tmp_path, code=1).stderr
    run(empty / "pip", "uninstall", "--quiet", "--yes", "pyseismic-lsr", cwd=tmp_path)
    broken = run(empty / "seismic", "list", ".", cwd=tmp_path, code=2)
    assert "pip install --force-reinstall --no-deps seismic-search" in broken.stderr
    run(empty / "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel(packages), cwd=tmp_path)
    assert run(empty / "seismic", "list", ".", cwd=tmp_path).stdout.startswith("collection")
