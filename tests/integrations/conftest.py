"""Fixtures for the tests with other people's libraries. Standard library and pytest only."""

from pathlib import Path

import pytest

from tests.integrations.serving import Query, build_scifact, scifact_queries


@pytest.fixture(scope="session")
def queries() -> list[Query]:
    """The 300 test queries of SciFact, each with the engine's exact top 10."""
    return scifact_queries()


@pytest.fixture(scope="session")
def scifact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, with the collection `scifact`; do not change it."""
    folder = tmp_path_factory.mktemp("collections")
    build_scifact(folder / "scifact")
    return folder
