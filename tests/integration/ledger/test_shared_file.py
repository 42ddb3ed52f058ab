"""Several processes use one SQLite ledger; none may take SQLite's own log away from under another."""

import asyncio
import sys
from pathlib import Path

from proxy.ledger.access import opened
from proxy.ledger.write import Ledger

VISIT = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM meta'); c.close()"


async def test_a_visitor_leaves_the_log_of_an_open_ledger_alone(tmp_path: Path) -> None:
    """The last one to close a SQLite database removes its log: a visitor must see that it is not the last."""
    path = tmp_path / "ledger.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    await ledger.close()

    async with opened(f"sqlite:///{path}") as access:
        async with access.reading():
            pass
        visitor = await asyncio.create_subprocess_exec(sys.executable, "-c", VISIT, str(path))
        assert await visitor.wait() == 0

        assert path.with_name("ledger.sqlite-wal").exists()
