"""Assistants of users."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document


class AssistantRepository(Keyed, Owned):
    """Assistants."""

    entity = "Assistant"
    key = "assistant_id"

    async def find_by_file(
        self, file: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the assistants that use a file."""
        return await self.find({"file_ids": file}, session=session)
