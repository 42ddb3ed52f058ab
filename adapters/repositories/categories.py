"""Categories that agents are sorted into."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed
from adapters.repositories.repository import Document


class CategoryRepository(Keyed):
    """Categories: the model `AgentCategory`."""

    entity = "AgentCategory"
    key = "value"

    async def find_active(self, *, session: Transaction | None = None) -> list[Document]:
        """Return the categories in use, in their order."""
        return await self.find({"isActive": True}, sort="order label _id", session=session)
