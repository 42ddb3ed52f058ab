"""What a cache does, whichever server keeps it."""

from collections.abc import Sequence
from typing import Protocol


class Cache(Protocol):
    """Values by key for a while. A server that is away costs a bounded delay, and no error: nothing is found, nothing kept."""

    async def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Keep a value for so long; False where it could not be."""

    async def invalidate(self, pattern: str) -> int:
        """Drop the keys that match a pattern of `*` and `?`, and return how many there were."""

    async def tokens(self, names: Sequence[str], *, ttl_s: float) -> Sequence[str] | None:
        """Return what each name stands for now; a name that is new, or was forgotten, gets a new token. None when away."""

    async def renew(self, names: Sequence[str]) -> bool:
        """Give names other tokens than they have; False where that could not be told."""

    async def claim(self, key: str, *, within_s: float) -> bool:
        """Return whether the caller is the one to make a value, until it releases it, or for so long at most."""

    async def release(self, key: str) -> None:
        """Let the next one make the value."""
