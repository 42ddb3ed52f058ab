"""Transactions of credits, and what they sum up to."""

from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Transaction
from adapters.repositories.belonging import Owned
from adapters.repositories.repository import Document
from comparators.errors import RefusedError

PERIODS: Final = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
"""Periods, with how one is written, in UTC."""


class TransactionRepository(Owned):
    """Transactions of credits. What has no amount counts as none."""

    entity = "Transaction"
    order = "-createdAt -_id"

    async def find_by_conversation(
        self, conversation: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return the transactions of a conversation, the newest first."""
        return await self.find({"conversationId": conversation}, sort=self.order, session=session)

    async def sums_by_type(
        self,
        *,
        user: Any = None,
        since: DatetimeMS | None = None,
        until: DatetimeMS | None = None,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return a sum for each type of token: `tokenType`, `tokenValue`, `rawAmount`, `count`; until before `until`."""
        return await self._sums("tokenType", "$tokenType", user, since, until, session)

    async def sums_by_model(
        self,
        *,
        user: Any = None,
        since: DatetimeMS | None = None,
        until: DatetimeMS | None = None,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return a sum for each language model: `model`, `tokenValue`, `rawAmount`, `count`."""
        return await self._sums("model", "$model", user, since, until, session)

    async def sums_by_period(
        self,
        period: str,
        *,
        user: Any = None,
        since: DatetimeMS | None = None,
        until: DatetimeMS | None = None,
        session: Transaction | None = None,
    ) -> list[Document]:
        """Return a sum for each `hour`, `day`, `month` or `year` in UTC: `period`, `tokenValue`, `rawAmount`, `count`."""
        if period not in PERIODS:
            raise RefusedError(
                f"{period!r} is no period", where="period", remedy=f"use {', '.join(PERIODS)}"
            )
        written = {"$dateToString": {"format": PERIODS[period], "date": "$createdAt"}}
        return await self._sums("period", written, user, since, until, session)

    async def total(self, user: Any, *, session: Transaction | None = None) -> float:
        """Return the sum of all that a user was credited and has spent."""
        found = await self._sums("of", None, user, None, None, session)
        return found[0]["tokenValue"] if found else 0

    async def _sums(
        self,
        name: str,
        by: Any,
        user: Any,
        since: DatetimeMS | None,
        until: DatetimeMS | None,
        session: Transaction | None,
    ) -> list[Document]:
        condition: dict[str, Any] = {} if user is None else {"user": user}
        bounds = {"$gte": since, "$lt": until}
        created = {operator: value for operator, value in bounds.items() if value is not None}
        if created:
            condition["createdAt"] = created
        values = {each: {"$sum": f"${each}"} for each in ("tokenValue", "rawAmount")}
        stages: list[Document] = [
            {"$match": self.cast(condition)},
            {"$group": {"_id": by, **values, "count": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
            {"$project": {"_id": 0, name: "$_id", "tokenValue": 1, "rawAmount": 1, "count": 1}},
        ]
        return await self.aggregate(stages, session=session)
