"""The program of docs/qdrant.md runs, and prints what the page shows."""

from pathlib import Path

from tests.integrations.pages import follow


def test_the_page(tmp_path: Path) -> None:
    follow("qdrant.md", tmp_path, "--compat", "qdrant")
