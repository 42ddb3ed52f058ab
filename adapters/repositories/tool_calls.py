"""Calls of tools that messages made."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class ToolCallRepository(Owned):
    """Tool calls."""

    entity = "ToolCall"
    order = "createdAt _id"

    async def find_by_message(
        self, message: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the calls of a message, the oldest first."""
        return await self.find({"messageId": message}, sort=self.order, session=session)

    async def find_by_conversation(
        self, conversation: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the calls of a conversation, the oldest first."""
        return await self.find({"conversationId": conversation}, sort=self.order, session=session)

    async def delete_by_conversation(
        self, conversation: str, *, session: Transaction | None = None
    ) -> int:
        """Delete the calls of a conversation; return how many there were."""
        return await self.delete_many({"conversationId": conversation}, session=session)
