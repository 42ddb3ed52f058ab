"""Keys of users at other services. They may expire."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class KeyRepository(Owned):
    """Keys. Their value is shown by `value_of`, and where `reveal` names it."""

    entity = "Key"
    owner = "userId"
    order = "name _id"

    async def find_by_name(
        self, user: Any, name: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return what is known of a key, None where there is none."""
        return await self.find_one({"userId": user, "name": name}, session=session)

    async def value_of(
        self, user: Any, name: str, *, session: Transaction | None = None
    ) -> str | None:
        """Return the key itself, None where there is none."""
        condition = {"userId": user, "name": name}
        found = await self.find_one(condition, reveal=["value"], session=session)
        return None if found is None else str(found["value"])

    async def put(
        self,
        user: Any,
        name: str,
        value: str,
        *,
        expires: Any = None,
        session: Transaction | None = None,
    ) -> Document | None:
        """Store a key in place of the one with its name, and return what is known of it."""
        change: dict[str, Any] = {"$set": {"value": value}}
        if expires is None:
            change["$unset"] = {"expiresAt": ""}
        else:
            change["$set"]["expiresAt"] = expires
        condition = {"userId": user, "name": name}
        return await self.update_where(condition, change, upsert=True, session=session)

    async def delete_by_name(
        self, user: Any, name: str, *, session: Transaction | None = None
    ) -> bool:
        """Delete a key; return whether there was one."""
        return bool(await self.delete_many({"userId": user, "name": name}, session=session))
