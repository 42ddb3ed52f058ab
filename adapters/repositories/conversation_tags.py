"""Tags that users put on conversations, with how many have them."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document
from adapters.repositories.together import repeated


class ConversationTagRepository(Owned):
    """Tags of conversations."""

    entity = "ConversationTag"
    order = "position _id"

    async def find_by_tag(
        self, user: str, tag: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return a tag of a user, None where there is none."""
        return await self.find_one({"user": user, "tag": tag}, session=session)

    async def count_use(
        self, user: str, tag: str, *, by: int = 1, session: Transaction | None = None
    ) -> Document | None:
        """Count that so many more conversations have a tag, and return it; one that is new is made."""
        condition = {"user": user, "tag": tag}
        return await self.update_where(
            condition, {"$inc": {"count": by}}, upsert=True, session=session
        )

    async def rename(self, user: str, tag: str, to: str) -> Document | None:
        """Give a tag another name, also in the conversations that have it; return it, None where there is none."""

        async def work(session: Transaction) -> Document | None:
            condition = {"user": user, "tag": tag}
            renamed = await self.update_where(condition, {"tag": to}, session=session)
            if renamed is not None:
                await self._behind.models["Conversation"].update_many(
                    {"user": user, "tags": tag}, {"$set": {"tags.$": to}}, session=session
                )
            return renamed

        return await repeated(self._behind.database, work)
