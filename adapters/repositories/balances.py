"""Balances: credits of users, which change together with the transactions that say why."""

from collections.abc import Mapping
from typing import Any, cast

from adapters.gateway import Transaction
from adapters.repositories.repository import Document, Repository
from adapters.repositories.together import repeated
from comparators.errors import RefusedError

Amount = int | float
CREDITS = "tokenCredits"


class BalanceRepository(Repository):
    """Balances. The database itself adds: nothing is read, calculated here and written back, so none of two is lost."""

    entity = "Balance"

    async def find_by_user(
        self, user: Any, *, session: Transaction | None = None
    ) -> Document | None:
        """Return the balance of a user, None where there is none."""
        return await self.find_one({"user": user}, session=session)

    async def credit(
        self, user: Any, amount: Amount, entry: Mapping[str, Any] | None = None
    ) -> Document:
        """Add credits, with a transaction that has the fields of `entry`, and return the balance; one that is new is made."""

        async def work(session: Transaction) -> Document:
            await self._note(user, amount, entry, session)
            changed = await self.update_where(
                {"user": user}, {"$inc": {CREDITS: amount}}, upsert=True, session=session
            )
            # An upsert that gives the document as it is then always has one to give.
            return cast("Document", changed)

        return await repeated(self._behind.database, work)

    async def spend(
        self, user: Any, amount: Amount, entry: Mapping[str, Any] | None = None
    ) -> Document:
        """Take credits, with a transaction that has the fields of `entry`, and return the balance.

        RefusedError, and no change, where the user has less.
        """

        async def work(session: Transaction) -> Document:
            enough = {"user": user, CREDITS: {"$gte": amount}}
            changed = await self.update_where(enough, {"$inc": {CREDITS: -amount}}, session=session)
            if changed is None:
                raise RefusedError(
                    "the balance does not suffice",
                    where="balance",
                    remedy="credit it first, or spend less",
                )
            await self._note(user, -amount, entry, session)
            return changed

        return await repeated(self._behind.database, work)

    async def _note(
        self, user: Any, amount: Amount, entry: Mapping[str, Any] | None, session: Transaction
    ) -> None:
        told = {"tokenType": "credits", **(entry or {})}
        noted = {"user": user, "rawAmount": amount, "tokenValue": amount, **told}
        await self._behind.models["Transaction"].create(noted, session=session)
