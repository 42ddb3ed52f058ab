"""Roles, and what they may do."""

from collections.abc import Mapping

from adapters.gateway import Transaction
from adapters.repositories.belonging import Keyed
from adapters.repositories.repository import Document

Permissions = Mapping[str, Mapping[str, bool]]
"""Whether an action is allowed, by its name, in each area (`PROMPTS`: `CREATE`)."""


class RoleRepository(Keyed):
    """Roles, told apart by their name."""

    entity = "Role"
    key = "name"

    async def find_by_name(
        self, name: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return the role with a name, None where there is none."""
        return await self.find_by_key(name, session=session)

    async def permit(
        self, name: str, permissions: Permissions, *, session: Transaction | None = None
    ) -> Document | None:
        """Allow or forbid what is named, leave the rest as it is, and return the role."""
        named = {
            f"permissions.{area}.{action}": allowed
            for area, actions in permissions.items()
            for action, allowed in actions.items()
        }
        return await self.update_by_key(name, {"$set": named}, session=session)

    async def permits(
        self, name: str, area: str, action: str, *, session: Transaction | None = None
    ) -> bool:
        """Return whether a role may do something: nobody may what is not said."""
        found = await self.find_by_key(name, session=session)
        areas = {} if found is None else found.get("permissions") or {}
        return (areas.get(area) or {}).get(action) is True
