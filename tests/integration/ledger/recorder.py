"""A verifier in miniature, to be killed: it records batch after batch and prints each checkpoint it has reached.

Usage: python -m tests.integration.ledger.recorder URL
"""

import asyncio
import sys

from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import LOG, NO_LAG, checkpoint, finding

BATCH = 50


async def main(url: str) -> None:
    """Record until killed, from wherever the ledger says the last recorder got."""
    ledger = await Ledger.open(url)
    reached = await ledger.checkpoint(LOG)
    position = reached.position if reached else 0
    while True:
        findings = [finding(position + n) for n in range(BATCH)]
        position += BATCH
        await ledger.record(findings, checkpoint=checkpoint(position), lag=NO_LAG)
        print(position, flush=True)  # noqa: T201 - whoever started it waits for this line


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
