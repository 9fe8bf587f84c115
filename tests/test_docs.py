"""Every page below docs/ works: its commands and programs run, in their order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reader import ROOT, Reader, blocks

PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    person = Reader(tmp_path)
    yield person
    person.stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_works(page: Path, reader: Reader) -> None:
    """Programs of one page share their variables; each command stands alone."""
    programs = ""
    for language, text in blocks(page):
        if language == "python":
            reader.run_python(programs := programs + text)
        else:
            for command in text.replace("\\\n", " ").splitlines():
                reader.run(command)
