"""A verifier that is told to end does so in order, whatever it is doing."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from comparators.verdict import Verdict
from tests.eventually import eventually
from tests.integration.shadow.handmade import handmade


async def test_what_is_being_written_to_the_ledger_is_not_cut_off(
    tmp_path: Path, mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str
) -> None:
    """A driver that is cancelled in a transaction would keep its connection from the last writing."""
    async with handmade(tmp_path, mongo_database, postgres_dsn) as log:
        await log.write({"insert": "users", "documents": [{"_id": 1}]})
        async with log.verifier() as verifier:
            await verifier.drained()
            ledger = log.ledgers[-1].removeprefix("sqlite:///")
            other = sqlite3.connect(ledger, isolation_level=None, timeout=0)
            await eventually(partial(_is_locked_by, other))
            await log.write({"insert": "users", "documents": [{"_id": 2}]})
            await eventually(_is_writing)
            # Behind the cancellation, which comes with the end of the block.
            asyncio.get_running_loop().call_later(0.2, other.close)

        assert await log.verdicts() == {
            ("insert", Verdict.MATCH): 2,
            ("state", Verdict.MATCH): 2,
        }


def _is_locked_by(connection: sqlite3.Connection) -> bool:
    """Lock the ledger, unless the verifier has it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def _is_writing() -> bool:
    return any(
        getattr(task.get_coro(), "__qualname__", "") == "Bookkeeping._write"
        for task in asyncio.all_tasks()
    )
