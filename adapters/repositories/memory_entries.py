"""What is remembered of users, under keys."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class MemoryEntryRepository(Owned):
    """Memory entries."""

    entity = "MemoryEntry"
    owner = "userId"
    order = "key _id"

    async def find_by_name(
        self, user: Any, key: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return what is remembered of a user under a key, None where there is nothing."""
        return await self.find_one({"userId": user, "key": key}, session=session)

    async def put(
        self,
        user: Any,
        key: str,
        value: str,
        *,
        tokens: int = 0,
        session: Transaction | None = None,
    ) -> Document | None:
        """Remember something in place of what is under its key, and return the entry."""
        data = {"value": value, "tokenCount": tokens, "updated_at": self.now()}
        condition = {"userId": user, "key": key}
        return await self.update_where(condition, data, upsert=True, session=session)

    async def forget(self, user: Any, key: str, *, session: Transaction | None = None) -> bool:
        """Delete what is under a key; return whether there was something."""
        return bool(await self.delete_many({"userId": user, "key": key}, session=session))
