"""Sessions of users who are logged in. They expire."""

from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document


class SessionRepository(Owned):
    """Sessions. The hash of their refresh token is shown only where `reveal` names it."""

    entity = "Session"

    async def open(
        self, user: Any, token_hash: str, expires: Any, *, session: Transaction | None = None
    ) -> Document:
        """Begin a session, and return it."""
        data = {"user": user, "refreshTokenHash": token_hash, "expiration": expires}
        return await self.create(data, session=session)

    async def find_by_token(
        self, user: Any, token_hash: str, *, session: Transaction | None = None
    ) -> Document | None:
        """Return the session of a user that has not expired, by the hash of its refresh token."""
        return await self.find_one({"user": user, "refreshTokenHash": token_hash}, session=session)

    async def extend(
        self,
        identifier: Any,
        expires: Any,
        *,
        token_hash: str | None = None,
        session: Transaction | None = None,
    ) -> Document | None:
        """Let a session that has not expired live longer, with a new refresh token if there is one."""
        data = {"expiration": expires}
        if token_hash is not None:
            data["refreshTokenHash"] = token_hash
        return await self.update(identifier, data, session=session)
