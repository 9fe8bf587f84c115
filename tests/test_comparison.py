"""The comparison with other engines: every `yes` of this project names a test that exists, every claim a source."""

import ast
import re

import pytest

from tests.reader import ROOT

PAGE = ROOT / "docs" / "comparison.md"
_YES = re.compile(r'\[yes\]\(\.\./(tests/[\w/]+\.py) "(test_\w+)"\)')
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")][
    2:
]
HEADING = next(line for line in TEXT.splitlines() if line.startswith("| | "))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_it_says_of_this_project(row: list[str]) -> None:
    assert len(row) == HEADING.count("|") - 1
    ours = row[1]
    if ours.startswith(("no", "none")):
        return
    found = _YES.match(ours)
    assert found, f"{ours}: expected a link to a test"
    tree = ast.parse((ROOT / found[1]).read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert re.fullmatch(r"(.*/)?test_\w+\.py", found[1]), "pytest collects files that begin with test_"
    assert found[2] in tests, f"{found[1]} has no test {found[2]}"


def test_every_source_is_there_and_cited() -> None:
    body, _, sources = TEXT.partition("## Sources")
    listed = {int(number) for number in re.findall(r"^(\d+)\. ", sources, re.MULTILINE)}
    cited = {
        int(number) for number in re.findall(r"(?<=[\[ ])\d+(?=[,\]])", " ".join(re.findall(r"\[[\d, ]+\]", body)))
    }
    assert cited == listed == set(range(1, len(listed) + 1))
    for entry in re.split(r"^\d+\. ", sources, flags=re.MULTILINE)[1:]:
        assert "](" in entry, f"no address: {entry}"
