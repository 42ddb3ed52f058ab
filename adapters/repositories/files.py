"""Files that users have sent: by conversation and by agent, how often they are used, and when they go."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.aging import gone
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document


class FileRepository(Keyed, Owned):
    """What is known of files; their bytes are elsewhere, for one in `StoredFiles`."""

    entity = "File"
    key = "file_id"
    order = "-updatedAt -_id"

    async def find_by_conversation(
        self, conversation: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the files of a conversation."""
        return await self.find({"conversationId": conversation}, sort=self.order, session=session)

    async def find_by_agent(
        self, agent: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the files that an agent has among the resources of its tools."""
        found = await self._behind.models["Agent"].find_one({"id": agent}, session=session)
        keys = [] if found is None else list(_file_ids(found.get("tool_resources") or {}))
        return await self.find({"file_id": {"$in": keys}}, sort=self.order, session=session)

    async def count_use(
        self, file: str, *, by: int = 1, session: Transaction | None = None
    ) -> Document | None:
        """Count that a file was used, which lets it stay for good, and return it."""
        change = {"$inc": {"usage": by}, "$unset": {"expiresAt": "", "temp_file_id": ""}}
        return await self.update_by_key(file, change, session=session)

    async def expire(
        self, file: str, at: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Let a file go some time after a date, as its TTL index says, and return it."""
        return await self.update_by_key(file, {"expiresAt": at}, session=session)

    async def find_expired(self, *, session: Transaction | None = None) -> list[Document]:
        """Return what is known of files that have expired and are still there: their bytes are to be deleted too."""
        condition = gone(self._expiries, self._behind.clock())
        return await self.model.find(condition, sort=self.order, session=session)

    async def usage_by_user(
        self, user: Any, *, session: Transaction | None = None
    ) -> Mapping[str, Any]:
        """Return how many `files` a user has, and how many `bytes` they are."""
        owner = self.cast({"user": user})
        sums = {"_id": None, "files": {"$sum": 1}, "bytes": {"$sum": "$bytes"}}
        found = await self.aggregate([{"$match": owner}, {"$group": sums}], session=session)
        return {name: found[0][name] if found else 0 for name in ("files", "bytes")}


def _file_ids(resources: Mapping[str, Any]) -> Iterator[str]:
    for resource in resources.values():
        if isinstance(resource, Mapping):
            yield from resource.get("file_ids") or ()
