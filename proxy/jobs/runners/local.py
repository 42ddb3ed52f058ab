"""Tasks in this process, side by side."""

from proxy.jobs.chunks import R, S, Task


class LocalRunner:
    """Fulfil `ChunkRunner` without any help."""

    def __init__(self, *, places: int) -> None:
        self._places = places

    @property
    def places(self) -> int:
        return self._places

    async def run(self, task: Task[S, R], spec: S) -> R:
        """Run a task in this process's loop."""
        return await task(spec)
