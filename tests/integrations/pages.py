"""Programs of the documentation that need other people's libraries: blocks of `py`, and the output behind them."""

import contextlib
import io
import re
from pathlib import Path

from tests.integrations.serving import ROOT, serve
from tests.reader import agrees

_PROGRAM = re.compile(r"^```py\n(.*?)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def programs(page: str, section: str | None = None) -> list[tuple[str, str]]:
    """Return the programs of a page of `docs`, or of one of its sections, and what it shows them to print."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    if section is not None:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found: list[tuple[str, str]] = _PROGRAM.findall(text)
    assert found, f"{page} has no program with its output"
    return found


def follow(page: str, folder: Path, *options: str) -> None:
    """Run the programs of a page against a service, `seismic serve FOLDER` with these options; AssertionError if one
    prints something else."""
    with serve(folder, *options) as service:
        for program, output in programs(page):
            _run(program.replace("http://127.0.0.1:8080", service.url), output)


def follow_section(page: str, section: str) -> None:
    """Run the programs of a section in the current folder; AssertionError if one prints something else."""
    for program, output in programs(page, section):
        _run(program, output)


def _run(program: str, output: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {"__name__": "__main__"})
    assert agrees(output, printed.getvalue()), printed.getvalue()
