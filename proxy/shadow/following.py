"""Follow legacy in what no command does: the removal of documents past their date.

MongoDB's own monitor removes them when it gets to it. A gateway that did so by its own clock could lose
a document whose date the application has moved meanwhile. So what has expired on the gateway is read from
legacy again: what is gone there goes here, what is still there stays.
Source: MongoDB manual, "TTL Indexes", section "Delete Operations".
"""

import asyncio
import time
from typing import Final

from adapters.gateway import Gateway
from proxy.shadow.patience import Outage
from proxy.shadow.reconcile import Reconciler

_EVERY_S: Final = 5.0


async def follow_expiry(gateway: Gateway, reconciler: Reconciler, gateway_outage: Outage) -> None:
    """Reconcile what has expired, now and then, until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        for namespace in gateway.with_expiry():
            now_ms = time.time_ns() // 1_000_000
            expired = await gateway_outage.endure(
                lambda: gateway.expired(namespace, now_ms=now_ms)  # noqa: B023 - awaited at once
            )
            if expired and not reconciler.disputes(namespace):
                reconciler.mend(namespace, expired)
