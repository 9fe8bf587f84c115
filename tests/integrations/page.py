"""Follow docs/integrations.md: run the program of a section and compare its output. Standard library only."""

import contextlib
import io
import re

from tests.integrations.serving import ROOT
from tests.reader import agrees

PAGE = ROOT / "docs" / "integrations.md"


def follow(section: str) -> None:
    """Run the program of a section in the current folder; fail unless it prints what the page shows."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.search(r"^```py\n(.*?)^```\n\n```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None, section
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], section, "exec"), {"__name__": "__main__"})
    assert agrees(found[2], printed.getvalue()), printed.getvalue()
