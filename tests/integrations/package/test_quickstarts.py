"""The quick starts, followed by someone who has nothing but the wheel; prints how long each took, without downloads."""

import os
import sys
import time
import venv
from pathlib import Path

import pytest

from tests.integrations.package.test_package import packages, run, wheel
from tests.integrations.serving import ROOT
from tests.reader import Reader, shows

__all__ = ["packages"]  # the fixture

PAGES = ["quickstart-rag.md", "quickstart-operator.md", "quickstart-researcher.md"]
EXTRAS = "client,evaluate,plots,scipy,server,text"


@pytest.fixture(scope="module")
def python(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel."""
    place = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(place, with_pip=True)
    run(place / "bin" / "pip", "install", "--quiet", f"{wheel(packages)}[{EXTRAS}]", cwd=place)
    return place / "bin" / "python"


@pytest.mark.parametrize("page", PAGES)
def test_from_nothing_to_the_end(page: str, python: Path, tmp_path: Path) -> None:
    """The first page compiles the kernels, as it does for its reader."""
    reader = Reader(tmp_path, python)
    first, began, before = 0.0, time.monotonic(), os.times()
    try:
        for block, said in reader.follow(ROOT / "docs" / page):
            assert shows(block, said), f"{block.text}\n{said}"
            first = first or (time.monotonic() - began if block.output else 0.0)
    finally:
        reader.stop()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{page}: first output after {first:.0f} s, all of it {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU")
    assert python.parent != Path(sys.executable).parent
