"""Links by which users share conversations. They may expire."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document


class SharedLinkRepository(Keyed, Owned):
    """Shared links."""

    entity = "SharedLink"
    key = "shareId"
    order = "-createdAt -_id"

    async def find_by_conversation(
        self, conversation: str, user: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the links of a user to a conversation, the newest first."""
        condition = {"conversationId": conversation, "user": user}
        return await self.find(condition, sort=self.order, session=session)

    async def find_with_messages(
        self, share: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return a link with the messages themselves that it shares, None where there is none."""
        return await self.find_one({"shareId": share}, populate=["messages"], session=session)
