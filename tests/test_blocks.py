"""Every code block of the documentation is run or checked."""

from pathlib import Path

import pytest

from tests.blocks import Found, UncheckedError, check, find, pages
from tests.reader import ROOT


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_something_checks_every_block(page: Path) -> None:
    for block in find(page):
        try:
            assert check(block), block.place
        except UncheckedError as error:
            pytest.fail(f"{block.place}: {error}", pytrace=False)


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("console", "$ seismic serve --no-such-option\n", "No such option"),
        ("console", "$ seismic snapshot invent\n", "there is no command seismic snapshot invent"),
        ("console", "$ seismic invent\n", "there is no command seismic invent"),
        ("console", "$ pip install 'seismic-search[nothing]'\n", "there is no extra nothing"),
        ("console", "$ python -m seismic_tools.nothing\n", "there is no module seismic_tools.nothing"),
        ("console", "$ rm -rf collections\n", "nothing checks 'rm'"),
        ("console", "documents 5,183\n", "without a command"),
        ("py", "import elsewhere\n", "no test of tests/integrations names"),
        ("yaml", "a: 1\n", "nothing checks blocks of the language 'yaml'"),
        ("text", "output of nothing\n", "nothing checks blocks of the language 'text'"),
        ("", "unnamed\n", "nothing checks blocks of the language ''"),
    ],
)
def test_unchecked_blocks_are_found(language: str, text: str, problem: str) -> None:
    with pytest.raises(Exception, match=problem):
        check(Found(ROOT / "docs/nothing-names-this.md", 1, language, text, None))


def test_blocks_are_found_where_they_are(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "a\n\n```sh\nx\n```\n\n```text\n1\n```\n\n```text\n2\n```\n\n# b\n\n- c\n\n  ```json\n  {}\n  ```\n"
    )
    found = [(one.line, one.language, one.follows) for one in find(page)]
    assert found == [(3, "sh", None), (7, "text", "sh"), (11, "text", "sh"), (19, "json", None)]
