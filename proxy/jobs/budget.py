"""So many documents a second and no more."""

import asyncio


class Budget:
    """Shared by all who work side by side; without a limit nobody waits."""

    def __init__(self, documents_per_s: float | None) -> None:
        self._documents_per_s = documents_per_s
        self._free_at = 0.0

    async def spend(self, documents: int) -> None:
        """Wait until so many documents were due."""
        if self._documents_per_s is None:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + documents / self._documents_per_s
        await asyncio.sleep(self._free_at - now)
