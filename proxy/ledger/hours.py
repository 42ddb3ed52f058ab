"""Keep the latencies of past days by the hour: a sign-off looks back over weeks, and reads every sketch of them."""

from collections import defaultdict
from typing import Final

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.ledger.sketches import Sketch
from proxy.ledger.tables import latencies

MINUTES_PER_HOUR: Final = 60
KEPT_BY_MINUTE: Final = 24 * MINUTES_PER_HOUR
"""So long a window of time is told to the minute."""


async def merge_oldest_hour(connection: AsyncConnection, *, now_minute: int) -> bool:
    """Merge the minutes of the oldest hour that is past into its first one; False where none is left.

    One hour at a time, so that the transaction stays short.
    """
    minute = latencies.c.minute
    past = now_minute - now_minute % MINUTES_PER_HOUR - KEPT_BY_MINUTE
    oldest = select(func.min(minute)).where(minute < past, minute % MINUTES_PER_HOUR != 0)
    first = (await connection.execute(oldest)).scalar_one()
    if first is None:
        return False
    hour = first - first % MINUTES_PER_HOUR
    within = and_(minute >= hour, minute < hour + MINUTES_PER_HOUR)
    merged: dict[tuple[int, str], Sketch] = defaultdict(Sketch)
    for row in await connection.execute(select(latencies).where(within)):
        merged[row.shape, row.side].merge(Sketch.from_bytes(row.sketch))
    await connection.execute(latencies.delete().where(within))
    await connection.execute(
        latencies.insert(),
        [
            {"minute": hour, "shape": shape, "side": side, "sketch": sketch.to_bytes()}
            for (shape, side), sketch in merged.items()
        ],
    )
    return True
