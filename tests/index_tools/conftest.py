import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

import seismic
from seismic_tools import cli
from tests.conftest import Scifact
from tests.index_tools.formats import FORMATS

PLANETS = [
    {"id": "a", "contents": "Mars is a planet.", "year": 1999, "vector": {"mars": 2.0, "planet": 1.0}},
    {"id": "b", "contents": "Venus is a planet.", "year": 2001, "vector": {"planet": 1.5, "venus": 2.5}},
    {"id": "c", "contents": "The sun is a star.", "year": None, "vector": {"star": 1.0, "sun": 3.0}},
]

Run = Callable[..., Result]

COMMAND = [sys.executable, "-m", "seismic_tools.cli"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `seismic` with these arguments in this process, which no command may replace."""
    monkeypatch.setattr(cli, "announce_compiling", lambda: None)  # depends on what the machine has compiled before
    monkeypatch.setattr(os, "execv", lambda *command: pytest.fail(f"would become {command}"))
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def scifact_lists(scifact: Scifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of the layout `lists`, which has the plan `lists`; do not change it."""
    folder = tmp_path_factory.mktemp("collections") / "scifact-lists"
    params = seismic.BuildParams(layout="lists")
    seismic.build(scifact.vectors, folder, documents=scifact.documents, vocabulary=scifact.vocabulary, params=params)
    return folder


@pytest.fixture(params=FORMATS)
def some_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The twelve documents of `tests.index_tools.formats`, in one format after another."""
    path: Path = tmp_path / request.param
    FORMATS[request.param](path)
    return path


@pytest.fixture
def planets(tmp_path: Path) -> Path:
    """Three documents as Anserini would write them."""
    return write_lines(tmp_path / "planets.jsonl", *PLANETS)


@pytest.fixture
def planets_index(run: Run, planets: Path) -> Path:
    """A collection of the three documents, with a vocabulary."""
    out = planets.with_name("index")
    result = run("build", planets, out)
    assert result.exit_code == 0, result.output
    return out


def write_lines(path: Path, *lines: object) -> Path:
    """JSON lines of dicts, and of bytes as they are; gzipped if the name says so."""
    data = b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def shell(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs `seismic` with these arguments as a process. Leaves out what depends on what was compiled before."""
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)
    said = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in said if not line.startswith("compiling kernels"))
    return done


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
