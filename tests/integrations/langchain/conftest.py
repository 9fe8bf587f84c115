"""Run asynchronous tests, as LangChain's standard tests expect it of pytest-asyncio."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.option.asyncio_mode = "auto"
