"""What users gave plugins to authenticate with."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class PluginAuthRepository(Owned):
    """Credentials for plugins. Their value is shown by `value_of`, and where `reveal` names it."""

    entity = "PluginAuth"
    owner = "userId"
    order = "pluginKey authField _id"

    async def find_by_plugin(
        self, user: Any, plugin: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return what is known of the credentials of a user for a plugin."""
        condition = {"userId": user, "pluginKey": plugin}
        return await self.find(condition, sort=self.order, session=session)

    async def value_of(
        self,
        user: Any,
        field: str,
        *,
        plugin: str | None = None,
        session: Transaction | None = None,
    ) -> str | None:
        """Return a credential itself, None where there is none."""
        condition = _of(user, field, plugin)
        found = await self.find_one(condition, reveal=["value"], session=session)
        return None if found is None else str(found["value"])

    async def put(
        self,
        user: Any,
        field: str,
        value: str,
        *,
        plugin: str | None = None,
        session: Transaction | None = None,
    ) -> Document | None:
        """Store a credential in place of the one for the same field, and return what is known of it."""
        return await self.update_where(
            _of(user, field, plugin), {"value": value}, upsert=True, session=session
        )

    async def delete_by_field(
        self, user: Any, field: str, *, session: Transaction | None = None
    ) -> int:
        """Delete the credentials of a user for a field; return how many there were."""
        return await self.delete_many({"userId": user, "authField": field}, session=session)


def _of(user: Any, field: str, plugin: str | None) -> dict[str, Any]:
    made = {"userId": user, "authField": field}
    return made if plugin is None else {**made, "pluginKey": plugin}
