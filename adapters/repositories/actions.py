"""Actions of agents and assistants at other services."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document


class ActionRepository(Keyed, Owned):
    """Actions. Their keys and secrets are shown only where `reveal` names them."""

    entity = "Action"
    key = "action_id"

    async def find_by_agent(
        self, agent: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the actions of an agent."""
        return await self.find({"agent_id": agent}, session=session)

    async def find_by_assistant(
        self, assistant: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the actions of an assistant."""
        return await self.find({"assistant_id": assistant}, session=session)
