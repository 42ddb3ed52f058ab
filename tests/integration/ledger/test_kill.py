import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import LOG

ROOT = Path(__file__).parents[3]
KILLS = 3
BATCHES_BEFORE_A_KILL = 5


async def test_after_kill_9_the_counts_are_those_of_the_checkpoint(ledger_url: str) -> None:
    """Whatever the moment of the kill: what is counted is exactly what lies below the checkpoint."""
    for _ in range(KILLS):
        printed = await record_and_kill(ledger_url)
        ledger = await Ledger.open(ledger_url)
        reached = await ledger.checkpoint(LOG)
        await ledger.close()

        assert reached is not None
        assert (await read_report(ledger_url)).tally.seen == reached.position
        assert reached.position >= printed


async def record_and_kill(url: str) -> int:
    """Run a recorder, kill it in the middle of its work and return the last checkpoint it reported."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.ledger.recorder",
        url,
        cwd=ROOT,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    try:
        assert process.stdout is not None
        printed = 0
        for _ in range(BATCHES_BEFORE_A_KILL):
            printed = int(await process.stdout.readline())
    finally:
        process.kill()
        await process.communicate()
    return printed
