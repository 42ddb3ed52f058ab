"""Messages: of a conversation in their order, as a tree of answers, and by words."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document
from adapters.repositories.words import containing

FOUND: int = 50
CHILDREN = "children"


class MessageRepository(Keyed, Owned):
    """Messages."""

    entity = "Message"
    key = "messageId"
    order = "createdAt _id"

    async def find_by_conversation(
        self,
        conversation: str,
        *,
        user: str | None = None,
        skip: int = 0,
        limit: int = 0,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return the messages of a conversation, the oldest first; those of a user alone where one is named."""
        return await self.find(
            _in(conversation, user), sort=self.order, skip=skip, limit=limit, session=session
        )

    async def thread_tree(
        self, conversation: str, *, user: str | None = None, session: Transaction | None = None
    ) -> list[Document]:
        """Return the messages that answer none of the conversation; each has its answers under `children`."""
        found = await self.find_by_conversation(conversation, user=user, session=session)
        return tree_of(found)

    async def search(
        self, user: str, words: str, *, limit: int = FOUND, session: Transaction | None = None
    ) -> list[Document]:
        """Return the messages of a user that hold these words as they stand, in large or small letters, the newest first."""
        condition = {"user": user, **containing(words, "text", "content.text")}
        return await self.find(condition, sort="-createdAt -_id", limit=limit, session=session)

    async def delete_by_conversation(
        self, conversation: str, *, user: str | None = None, session: Transaction | None = None
    ) -> int:
        """Delete the messages of a conversation; return how many there were."""
        return await self.delete_many(_in(conversation, user), session=session)


def tree_of(messages: list[Document]) -> list[Document]:
    """Return messages as a tree: an answer to a message that is not there, or to itself by a detour, is a root."""
    nodes: list[Document] = [{**each, CHILDREN: []} for each in messages]
    by_key = {each.get("messageId"): each for each in nodes}
    parents: dict[int, Document] = {}
    roots: list[Document] = []
    for node in nodes:
        parent = by_key.get(node.get("parentMessageId"))
        if parent is None or _is_above(node, parent, parents):
            roots.append(node)
        else:
            parents[id(node)] = parent
            parent[CHILDREN].append(node)
    return roots


def _is_above(node: Document, below: Document, parents: dict[int, Document]) -> bool:
    at: Document | None = below
    while at is not None:
        if at is node:
            return True
        at = parents.get(id(at))
    return False


def _in(conversation: str, user: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"conversationId": conversation}
    return made if user is None else {**made, "user": user}
