"""Every page works: its commands and programs run in their order, print what it shows, and its links lead somewhere."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reader import ROOT, Reader, agrees, blocks, shows

PAGES = sorted((ROOT / "docs").rglob("*.md"))
PROSE = [*PAGES, *sorted(ROOT.glob("*.md"))]
LONGEST = {"README.md": 100, "ARCHITECTURE.md": 115}

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:seismic|server|index_tools|tests|docs|docker)/[\w./-]*)`")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    person = Reader(tmp_path)
    yield person
    person.stop()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name)
def test_page_works(page: Path, reader: Reader) -> None:
    for block, said in reader.follow(page):
        if not shows(block, said):
            pytest.fail(
                f"{name(page)}:\n{block.text}\nis shown to print\n{block.output}\nbut printed\n{said}", pytrace=False
            )


@pytest.mark.parametrize("page", PROSE, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        assert path.exists(), f"{link}: there is no such file"
        if anchor:
            assert anchor in {slug(heading) for heading in _HEADING.findall(path.read_text(encoding="utf-8"))}, link


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PROSE, ids=name)
def test_files_it_names_are_there(page: Path) -> None:
    for path in _PATH.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), path


def test_architecture_links_every_room() -> None:
    linked = set(_LINK.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one.get("containers") == ["seismic"])
    for room in " ".join(layers).replace("|", " ").split():
        assert room == "version" or linked & {f"seismic/{room}", f"seismic/{room}.py"}, room
    for folder in (*(ROOT / "server/seismic_server").iterdir(), *(ROOT / "index_tools/seismic_tools").iterdir()):
        if (folder / "__init__.py").exists():
            assert str(folder.relative_to(ROOT)) in linked, folder


@pytest.mark.parametrize(("page", "lines"), LONGEST.items())
def test_front_pages_are_short(page: str, lines: int) -> None:
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= lines


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ('{"id": "a", ...}\n', '{"id":"a","score":1.5}', True),
        ("rank  id\n   1  a\n", "rank id\n1 a\n", True),
        ("1.5 s", "1.6 s", False),
        ("a", "a b", False),
        ("a ...", "a b", True),
    ],
)
def test_output_agrees_with_a_page(shown: str, said: str, same: bool) -> None:
    assert agrees(shown, said) == same


def test_output_belongs_to_the_block_before_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\na\n```\nsays\n```text\n1\n```\n```text\n2\n```\n```sh\nb \\\nc\n```\n## d\n```json\n3\n```\n"
    )
    assert [(block.output, block.commands) for block in blocks(page)] == [("1\n", ["a"]), (None, ["b  c"])]
