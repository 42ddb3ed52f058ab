"""Agents: by category, with their tools and files."""

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed, Owned
from adapters.repositories.repository import Document


class AgentRepository(Keyed, Owned):
    """Agents, which belong to their author."""

    entity = "Agent"
    key = "id"
    owner = "author"
    order = "-updatedAt _id"

    async def find_by_category(
        self, category: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the agents of a category."""
        return await self.find({"category": category}, sort=self.order, session=session)

    async def find_promoted(self, *, session: Transaction | None = None) -> list[Document]:
        """Return the agents that are shown first."""
        return await self.find({"is_promoted": True}, sort=self.order, session=session)

    async def add_tool(
        self, agent: str, tool: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Give an agent a tool unless it has it, and return the agent."""
        return await self.update_by_key(agent, {"$addToSet": {"tools": tool}}, session=session)

    async def remove_tool(
        self, agent: str, tool: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Take a tool from an agent, and return the agent."""
        return await self.update_by_key(agent, {"$pull": {"tools": tool}}, session=session)

    async def add_file(
        self, agent: str, resource: str, file: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Put a file among the resources of a tool of an agent unless it is there, and return the agent."""
        path = f"tool_resources.{resource}.file_ids"
        return await self.update_by_key(agent, {"$addToSet": {path: file}}, session=session)

    async def remove_file(
        self, agent: str, resource: str, file: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Take a file from the resources of a tool of an agent, and return the agent."""
        path = f"tool_resources.{resource}.file_ids"
        return await self.update_by_key(agent, {"$pull": {path: file}}, session=session)
