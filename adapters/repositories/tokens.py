"""Tokens that are sent to users, and used once. They expire."""

from collections.abc import Mapping
from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class TokenRepository(Owned):
    """Tokens. They themselves are shown only where `reveal` names `token`."""

    entity = "Token"
    owner = "userId"
    order = "-createdAt -_id"

    async def issue(
        self,
        user: Any,
        token: str,
        expires: Any,
        *,
        more: Mapping[str, Any] | None = None,
        session: Transaction | None = None,
    ) -> Document:
        """Store a token of a user, with the fields of `more` (`type`, `email`, `identifier`), and return it."""
        data = {**(more or {}), "userId": user, "token": token, "expiresAt": expires}
        return await self.create(data, session=session)

    async def find_by_token(
        self, token: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return what is known of a token that has not expired, None where there is none."""
        return await self.find_one({"token": token}, session=session)

    async def find_by_type(
        self, user: Any, kind: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the tokens of a user of one type, the newest first."""
        return await self.find({"userId": user, "type": kind}, sort=self.order, session=session)

    async def consume(self, token: str, *, session: Transaction | None = None) -> Document | None:
        """Take a token that has not expired away and return what was known of it: to one caller, if several ask."""
        return await self.model.find_one_and_delete(self._living({"token": token}), session=session)
