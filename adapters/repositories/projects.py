"""Projects, in which users keep conversations together."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class ProjectRepository(Owned):
    """Projects: the model `ChatProject`."""

    entity = "ChatProject"
    order = "-lastConversationAt -_id"

    async def add_conversation(
        self, project: Any, conversation: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Count one conversation more, the last one of a project, and return the project."""
        last = {"lastConversationId": conversation, "lastConversationAt": self.now()}
        change = {"$inc": {"conversationCount": 1}, "$set": last}
        return await self.update(project, change, session=session)

    async def remove_conversation(
        self, project: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Count one conversation less, and return the project; None where it has none."""
        some = {"_id": project, "conversationCount": {"$gt": 0}}
        return await self.update_where(some, {"$inc": {"conversationCount": -1}}, session=session)
