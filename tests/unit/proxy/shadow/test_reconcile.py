import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import pytest

from adapters.gateway import Gateway
from comparators.canonical import document_key
from proxy.shadow import reconcile
from proxy.shadow.legacy import Legacy
from proxy.shadow.patience import Outage, Side
from proxy.shadow.peers import Own, Peers
from proxy.shadow.progress import Progress
from proxy.shadow.quiet import Quiet, Reading
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.runner import Runner
from proxy.shadow.sides import Sides
from proxy.shadow.stock import Stock
from proxy.shadow.touches import Touches

NAMESPACE = "shop.users"
HOT, COLD, LATE = 1, 2, 3


class Written:
    """MongoDB and the log of its writes: reading some documents is followed by a write of them, so often."""

    def __init__(self, touches: Touches, times: Mapping[int, int]) -> None:
        self._touches = touches
        self._times = dict(times)
        self._end = 0

    async def images(self, _namespace: str, identifiers: Sequence[Any]) -> dict[bytes, bytes]:
        for identifier in identifiers:
            if self._times.get(identifier, 0) > 0:
                self._times[identifier] -= 1
                # The next record begins where the log ended.
                self._touches.note(NAMESPACE, [document_key(identifier)], self._end)
                self._end += 1
        return {document_key(each): b"image" for each in identifiers}

    async def read(self, _of: frozenset[str], ask: Callable[[], Awaitable[Any]]) -> Reading[Any]:
        before = self._end
        return Reading(await ask(), before)


class Put:
    """The documents that were put on the gateway."""

    def __init__(self) -> None:
        self.identifiers: list[Any] = []

    async def put_images(
        self, _namespace: str, images: Mapping[bytes, tuple[Any, bytes | None]]
    ) -> None:
        self.identifiers += [identifier for identifier, _ in images.values()]


async def test_a_document_that_is_written_all_the_time_is_given_back_and_others_are_put(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "_HOT_AFTER_S", 0.3)
    touches, put = Touches(), Put()
    written = Written(touches, {HOT: 1_000_000, LATE: 2})
    async with asyncio.TaskGroup() as tasks:
        sides = _sides(written, put, touches, tasks)
        reconciler = Reconciler(sides, stock=Stock(), create_task=tasks.create_task)

        given_back = await reconciler.mended(NAMESPACE, [HOT, COLD, LATE])

    assert given_back == [HOT]
    assert put.identifiers == [COLD, LATE]
    assert not reconciler.disputed


def _sides(written: Written, put: Put, touches: Touches, tasks: asyncio.TaskGroup) -> Sides:
    def ended(_side: Side, _since_ns: int, _until_ns: int) -> None:
        raise AssertionError("nothing was away")

    outage = Outage(Side.GATEWAY, ended)
    # Without a board it asks nothing of its own.
    peers = Peers(None, cast(Own, None), silent_after_s=1, outage=outage)
    return Sides(
        gateway=cast(Gateway, put),
        gateway_outage=outage,
        legacy=cast(Legacy, written),
        legacy_outage=outage,
        quiet=cast(Quiet, written),
        runner=Runner(tasks.create_task, Progress(0), concurrency=4, window=64),
        touches=touches,
        peers=peers,
    )
