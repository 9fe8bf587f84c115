"""Every command of the README works, in the order in which a reader meets them, and prints what is shown."""

from collections.abc import Iterator

import pytest

from tests.reader import ROOT, Block, Reader, blocks, shows

README = ROOT / "README.md"


def first_line(block: Block) -> str:
    return block.text.splitlines()[0]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    person = Reader(tmp_path_factory.mktemp("reader"))
    yield person
    person.stop()


@pytest.mark.parametrize("block", [one for one in blocks(README) if "make test" not in one.text], ids=first_line)
def test_block_of_readme_works(block: Block, reader: Reader) -> None:
    said = reader.run_python(block.text) if block.language == "python" else "".join(map(reader.run, block.commands))
    if not shows(block, said):
        pytest.fail(f"{block.text}\nis shown to print\n{block.output}\nbut printed\n{said}", pytrace=False)
    if "make demo" in block.text:
        assert "nDCG@10" in said


def test_test_command_of_readme_is_the_one_ci_runs() -> None:
    assert any("make test" in block.commands for block in blocks(README))
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
