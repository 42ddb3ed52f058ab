"""Users: found by the names they log in with, beside their role and their balance."""

from collections.abc import Sequence
from typing import Any

from adapters.gateway import Transaction
from adapters.repositories.repository import Document, Repository


class UserRepository(Repository):
    """Users. Their password and what else proves who they are is shown only where `reveal` names it."""

    entity = "User"

    async def find_by_email(
        self, email: str, *, reveal: Sequence[str] = (), session: Transaction | None = None
    ) -> Document | None:
        """Return the user with an address, in whichever letters it is written."""
        return await self.find_one({"email": email.strip().lower()}, reveal=reveal, session=session)

    async def find_by_username(
        self, username: str, *, reveal: Sequence[str] = (), session: Transaction | None = None
    ) -> Document | None:
        """Return the user with a name, in whichever letters it is written."""
        return await self.find_one(
            {"username": username.strip().lower()}, reveal=reveal, session=session
        )

    async def update_last_login(
        self, user: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Note that a user has logged in now, and return the user, None where there is none."""
        return await self.update(user, {"lastLogin": self.now()}, session=session)

    async def find_with_roles(
        self, user: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Return a user with a list of what the role may do under `roles`."""
        return await self._with(user, "Role", "role", "name", "roles", one=False, session=session)

    async def find_with_balance(
        self, user: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Return a user with the balance under `balance`, without it where there is none."""
        return await self._with(
            user, "Balance", "_id", "user", "balance", one=True, session=session
        )

    async def _with(
        self,
        user: Any,
        other: str,
        local: str,
        foreign: str,
        into: str,
        *,
        one: bool,
        session: Transaction | None,
    ) -> Document | None:
        found = await self.find_with_join(
            {"_id": user},
            other=other,
            local=local,
            foreign=foreign,
            into=into,
            one=one,
            session=session,
        )
        return found[0] if found else None
