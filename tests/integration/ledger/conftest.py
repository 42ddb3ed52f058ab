"""A ledger on each of its databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.ledger.write import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a ledger that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    dsn: str = request.getfixturevalue("postgres_dsn")
    return dsn


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    """Open a new ledger for writing."""
    opened = await Ledger.open(ledger_url, about={"parallax": "0.1.0"})
    yield opened
    await opened.close()
