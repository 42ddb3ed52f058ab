"""Prompts, and the groups that hold the versions of one; a group has one version in production."""

from collections.abc import Mapping
from typing import Any

from bson.objectid import ObjectId

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import EVERYTHING, Document, Filter, Sort
from adapters.repositories.together import repeated


class PromptRepository(Owned):
    """Prompts, which belong to their author."""

    entity = "Prompt"
    owner = "author"
    order = "-createdAt -_id"

    async def find_by_group(
        self, group: Any, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the versions in a group, the newest first."""
        return await self.find({"groupId": group}, sort=self.order, session=session)


class PromptGroupRepository(Owned):
    """Groups of prompts, which belong to their author."""

    entity = "PromptGroup"
    owner = "author"
    order = "-numberOfGenerations -updatedAt _id"

    async def find_by_category(
        self, category: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the groups of a category, those used most first."""
        return await self.find({"category": category}, sort=self.order, session=session)

    async def find_with_production(
        self,
        condition: Filter = EVERYTHING,
        *,
        sort: Sort = None,
        skip: int = 0,
        limit: int = 0,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return groups with the prompt that is in production under `productionPrompt`."""
        return await self.find_with_join(
            condition,
            other="Prompt",
            local="productionId",
            foreign="_id",
            into="productionPrompt",
            one=True,
            sort=sort or self.order,
            skip=skip,
            limit=limit,
            session=session,
        )

    async def create_with_prompt(
        self, group: Mapping[str, Any], prompt: Mapping[str, Any]
    ) -> tuple[Document, Document]:
        """Store a group and its first prompt, which is in production at once; return both."""
        # The two point at each other, so their ids are made before either is stored.
        identifier, first = ObjectId(), ObjectId()

        async def work(session: Transaction) -> tuple[Document, Document]:
            version = {**prompt, "_id": first, "groupId": identifier}
            held = {**group, "_id": identifier, "productionId": first}
            [stored] = await self._behind.models["Prompt"].create(version, session=session)
            return await self.create(held, session=session), stored

        return await repeated(self._behind.database, work)

    async def publish(
        self, group: Any, prompt: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Put another version of a group into production, and return the group."""
        return await self.update(group, {"productionId": prompt}, session=session)

    async def count_use(
        self, group: Any, *, by: int = 1, session: Transaction | None = None
    ) -> Document | None:
        """Count that a prompt of a group was used, and return the group."""
        return await self.update(group, {"$inc": {"numberOfGenerations": by}}, session=session)

    async def delete_with_prompts(self, group: Any) -> bool:
        """Delete a group and all its versions; return whether there was one."""

        async def work(session: Transaction) -> bool:
            await self._behind.models["Prompt"].delete_many({"groupId": group}, session=session)
            return await self.delete(group, session=session)

        return await repeated(self._behind.database, work)
