"""Every command of the README works, in the order in which a reader meets them."""

import re
from collections.abc import Iterator

import pytest

from tests.reader import ROOT, Reader, blocks

BLOCKS = blocks(ROOT / "README.md")
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    person = Reader(tmp_path_factory.mktemp("reader"))
    yield person
    person.stop()


EXPECTED = {
    "make demo": "nDCG@10",
    "seismic build": "5,183",
    "seismic search": "1",
    "seismic inspect": "shared",
    "seismic tune": "exact",
    "seismic serve": "",
    "seismic evaluate": "nDCG@10",
    "curl --silent --fail http://127.0.0.1:8080/v1/collections/scifact/search": '"hits"',
    "curl --silent --fail -X PUT": '"sequence"',
    "curl --silent --fail http://127.0.0.1:8080/v1/collections/scifact/documents": "Mars",
    "seismic upsert": "documents 5,183",
    "seismic delete": "documents 2",
    "seismic compact": "generation",
    "seismic verify": "no damage",
    "seismic generations": "served",
    "seismic rollback": "is served",
    "seismic snapshot create": "scifact.snapshot",
    "seismic snapshot restore": "elsewhere/scifact",
    "make bench": "recall",
}
"""How a command begins, and a pattern of what it must say."""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "make test"])
def test_command_of_readme_works(command: str, reader: Reader) -> None:
    expected = [says for begins, says in EXPECTED.items() if command.startswith(begins)]
    assert len(expected) == 1, f"say in EXPECTED what {command!r} must print"
    assert re.search(expected[0], reader.run(command))


def test_test_command_of_readme_is_the_one_ci_runs() -> None:
    assert "make test" in COMMANDS
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_python_of_readme_works(reader: Reader) -> None:
    said = reader.run_python("\n".join(text for language, text in BLOCKS if language == "python"))
    assert "exact" not in said
    assert "blocks SearchStats(" in said
