"""What repositories of one shape have in common: a key of the application's own, and a user whom documents belong to."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from adapters.gateway import Transaction
from adapters.repositories.repository import Document, Repository, Sort


class Keyed(Repository):
    """The documents of an entity that the application tells apart by a path of its own."""

    key: ClassVar[str]

    async def find_by_key(
        self, value: str, *, reveal: Sequence[str] = (), session: Transaction | None = None
    ) -> Document | None:
        """Return the document with a key, None where there is none."""
        return await self.find_one({self.key: value}, reveal=reveal, session=session)

    async def update_by_key(
        self, value: str, data: Mapping[str, Any], *, session: Transaction | None = None
    ) -> Document | None:
        """Change the document with a key and return it as it is then, None where there is none."""
        return await self.update_where({self.key: value}, data, session=session)

    async def delete_by_key(self, value: str, *, session: Transaction | None = None) -> bool:
        """Delete the document with a key; return whether there was one."""
        self._check_changeable()
        return bool(await self.model.delete_one({self.key: value}, session=session))


class Owned(Repository):
    """The documents of an entity that belong to a user."""

    owner: ClassVar[str] = "user"
    order: ClassVar[Sort] = None
    """How a user's documents are listed."""

    async def find_by_user(
        self,
        user: Any,
        *,
        skip: int = 0,
        limit: int = 0,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return the documents of a user."""
        return await self.find(
            {self.owner: user}, sort=self.order, skip=skip, limit=limit, session=session
        )

    async def count_by_user(self, user: Any, *, session: Transaction | None = None) -> int:
        """Return how many documents a user has."""
        return await self.count({self.owner: user}, session=session)

    async def delete_by_user(self, user: Any, *, session: Transaction | None = None) -> int:
        """Delete the documents of a user; return how many there were."""
        return await self.delete_many({self.owner: user}, session=session)
