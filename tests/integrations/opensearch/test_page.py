"""The program of docs/opensearch.md runs, and prints what the page shows."""

from pathlib import Path

from tests.integrations.pages import follow


def test_the_page(tmp_path: Path) -> None:
    follow("opensearch.md", tmp_path, "--compat", "opensearch")
