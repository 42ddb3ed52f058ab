"""Commands run in this process: the logging that they set up goes with each test."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def structlog_as_before() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
