"""What the verifier is measured against: python -m benchmarks.bare_fetch DSN SECONDS.

One held connection, one `fetchrow` by key after the other, nothing else. Prints one line of JSON.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final

import asyncpg
import uvloop

from benchmarks.traffic import COLLECTION, DATABASE

KEYS: Final = 10_000
FETCHES_PER_LOOK: Final = 100
"""So often the clock is looked at."""


async def fetch(dsn: str, seconds: float) -> dict[str, float]:
    """Read documents for some seconds, after a fifth of that as warm-up."""
    connection = await asyncpg.connect(dsn)
    table = f'"{DATABASE}"."{COLLECTION}"'
    try:
        rows = await connection.fetch(f"SELECT id FROM {table} LIMIT $1", KEYS)  # noqa: S608 - our own names
        keys = [row["id"] for row in rows]
        random.Random(0).shuffle(keys)
        endless = cycle(keys)
        text = f"SELECT bson FROM {table} WHERE id = $1"  # noqa: S608 - our own names
        await _loop(connection, text, endless, seconds / 5)
        cpu_s, began_s = time.process_time(), time.perf_counter()
        count = await _loop(connection, text, endless, seconds)
        wall_s = time.perf_counter() - began_s
        return {
            "per_s": count / wall_s,
            "cpu_us": (time.process_time() - cpu_s) / count * 1e6,
        }
    finally:
        await connection.close()


async def _loop(
    connection: "asyncpg.Connection[asyncpg.Record]",
    text: str,
    keys: Iterator[bytes],
    seconds: float,
) -> int:
    end_s, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end_s:
        for key in islice(keys, FETCHES_PER_LOOK):
            await connection.fetchrow(text, key)
        count += FETCHES_PER_LOOK
    return count


if __name__ == "__main__":
    print(json.dumps(uvloop.run(fetch(sys.argv[1], float(sys.argv[2])))))
