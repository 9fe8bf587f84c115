"""Programs of the documentation that need other people's libraries: blocks of `py`, and the output behind them."""

import contextlib
import io
import re
from pathlib import Path

from tests.integrations.serving import ROOT, serve
from tests.reader import agrees

_PROGRAM = re.compile(r"^```py\n(.*?)^```\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def programs(page: str) -> list[tuple[str, str]]:
    """Return the programs of a page of `docs`, and what it shows them to print."""
    return _PROGRAM.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def follow(page: str, folder: Path, *options: str) -> None:
    """Run the programs of a page against a service, `seismic serve FOLDER` with these options; AssertionError if one
    prints something else."""
    found = programs(page)
    assert found, f"{page} has no program with its output"
    with serve(folder, *options) as service:
        for program, output in found:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(program.replace("http://127.0.0.1:8080", service.url), {"__name__": "__main__"})
            assert agrees(output, printed.getvalue()), printed.getvalue()
