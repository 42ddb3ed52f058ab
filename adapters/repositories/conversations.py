"""Conversations: of a user, archived or not, by words, and with their messages."""

from typing import Any, Final

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.paging import CursorPage
from adapters.repositories.repository import PAGE, Document
from adapters.repositories.words import containing

FOUND: Final = 50
SEARCHED: Final = 1000
"""How many messages a search looks at for conversations."""


class ConversationRepository(Keyed, Owned):
    """Conversations."""

    entity = "Conversation"
    key = "conversationId"
    order = "-updatedAt -_id"

    async def page_by_user(
        self,
        user: str,
        *,
        archived: bool = False,
        cursor: str | None = None,
        size: int = PAGE,
        session: Transaction | None = None,
    ) -> CursorPage:
        """Return a page of the conversations of a user, those changed last first."""
        state = {"isArchived": True} if archived else {"isArchived": {"$ne": True}}
        return await self.page_after(
            {"user": user, **state}, cursor=cursor, size=size, sort=self.order, session=session
        )

    async def archive(
        self, conversation: str, user: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Put a conversation of a user away, and return it, None where there is none."""
        return await self._archive(conversation, user, session, archived=True)

    async def unarchive(
        self, conversation: str, user: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Bring a conversation of a user back, and return it, None where there is none."""
        return await self._archive(conversation, user, session, archived=False)

    async def search(
        self, user: str, words: str, *, limit: int = FOUND, session: Transaction | None = None
    ) -> list[Document]:
        """Return the conversations of a user with these words in the title or in a message, those changed last first."""
        said = await self._behind.models["Message"].find(
            {"user": user, **containing(words, "text", "content.text")},
            projection={"conversationId": 1},
            sort="-createdAt",
            limit=SEARCHED,
            session=session,
        )
        keys = list(dict.fromkeys(each["conversationId"] for each in said))
        titled = containing(words, "title")["$or"]
        condition = {"user": user, "$or": [*titled, {"conversationId": {"$in": keys}}]}
        return await self.find(condition, sort=self.order, limit=limit, session=session)

    async def find_with_messages(
        self, conversation: str, *, user: str | None = None, session: Transaction | None = None
    ) -> Document | None:
        """Return a conversation with its messages themselves under `messages`, the oldest first."""
        condition: dict[str, Any] = {"conversationId": conversation}
        if user is not None:
            condition["user"] = user
        found = await self.find_with_join(
            condition,
            other="Message",
            local="conversationId",
            foreign="conversationId",
            into="messages",
            limit=1,
            session=session,
        )
        if not found:
            return None
        messages = sorted(found[0]["messages"], key=lambda each: (each["createdAt"], each["_id"]))
        return {**found[0], "messages": messages}

    async def _archive(
        self, conversation: str, user: str, session: Transaction | None, *, archived: bool
    ) -> Document | None:
        condition = {"conversationId": conversation, "user": user}
        return await self.update_where(condition, {"isArchived": archived}, session=session)
