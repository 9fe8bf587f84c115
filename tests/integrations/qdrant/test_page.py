"""The program of docs/qdrant.md runs, and prints what the page shows."""

import contextlib
import io
import re

import pytest

from tests.integrations.serving import ROOT, serve
from tests.reader import agrees

PAGE = ROOT / "docs" / "qdrant.md"


def test_the_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = re.search(r"^```py\n(.*?)^```\n\n```text\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    program, output = found.groups()
    with serve(tmp_path_factory.mktemp("served"), "--compat", "qdrant") as service:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program.replace("http://127.0.0.1:8080", service.url), {})
    assert agrees(output, printed.getvalue()), printed.getvalue()
