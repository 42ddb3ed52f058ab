import asyncio

from proxy.shadow.progress import Progress
from proxy.shadow.quiet import Quiet

NAMESPACES = frozenset({"shop.users"})


class Log:
    """A log that ends where a test says, of which everything is settled."""

    def __init__(self) -> None:
        self.ends_at = 100

    def end(self) -> int:
        return self.ends_at

    def is_settled(self, position: int, namespace: str) -> bool:
        return True

    async def clock(self) -> int | None:
        return None

    async def reach(self, clock: int | None) -> None:
        assert clock is None


async def test_a_reading_waits_for_writes_that_have_no_place_yet() -> None:
    log, progress = Log(), Progress(100)
    quiet = Quiet(log, log, progress, log)

    async def ask() -> str:
        return "read"

    progress.is_admitting = True
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(quiet.read(NAMESPACES, ask))
        for _ in range(5):
            progress.pulse()
            await asyncio.sleep(0)
        assert not reading.done()

        progress.is_admitting = False
        progress.pulse()
    assert reading.result().value == "read"
