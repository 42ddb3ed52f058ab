"""Credits: every spending is a transaction in both senses."""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from proxy.jobs.workload.conversations import MODELS
from proxy.jobs.workload.flow import Database, Document, Flow, Step
from proxy.jobs.workload.person import Person

_RATES: Final[Mapping[str, float]] = {"prompt": 0.75, "completion": 6.0}
_REFILL: Final = 10_000.0


class TooExpensiveError(Exception):
    """The balance does not cover a spending, whose transaction is therefore aborted."""


class Balances(Flow):
    """What talking costs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._balances = database["balances"]
        self._transactions = database["transactions"]

    def steps(self) -> Mapping[Step, int]:
        return {self.spend: 6, self.overspend: 1, self.refill: 2, self.look: 3, self.statement: 2}

    async def spend(self, person: Person) -> None:
        """Write two entries and take their cost from the balance, together or not at all."""
        entries = [self._entry(person, kind) for kind in _RATES]
        cost = sum(entry["tokenValue"] for entry in entries)
        async with (
            self.database.client.start_session() as session,
            await session.start_transaction(),
        ):
            await self._transactions.insert_many(entries, session=session)
            await self._take(person, cost, session)

    async def overspend(self, person: Person) -> None:
        """Try to spend what nobody has: the transaction must leave nothing behind."""
        entry = self._entry(person, "completion")
        try:
            async with (
                self.database.client.start_session() as session,
                await session.start_transaction(),
            ):
                await self._transactions.insert_one(entry, session=session)
                _refuse_debts(await self._take(person, -1e9, session))
        except TooExpensiveError:
            await self._transactions.find_one({"_id": entry["_id"]})

    async def _take(
        self, person: Person, value: float, session: AsyncClientSession
    ) -> Document | None:
        return await self._balances.find_one_and_update(
            {"user": person.id},
            {"$inc": {"tokenCredits": value}},
            session=session,
            return_document=ReturnDocument.AFTER,
        )

    def _entry(self, person: Person, kind: str) -> dict[str, Any]:
        # A cached answer costs -0.0, as the sign is put before the amount is known.
        amount = -float(0 if person.happens(0.2) else person.random.randint(1, 3000))
        now = person.now()
        return {
            "_id": person.object_id(),
            "user": person.id,
            "conversationId": person.one_of(person.threads).id,
            "tokenType": kind,
            "model": person.one_of(MODELS),
            "context": "message",
            "rawAmount": amount,
            "rate": _RATES[kind],
            "tokenValue": amount * _RATES[kind],
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        }

    async def refill(self, person: Person) -> None:
        """Fill up by comparing and setting, as the application does without a transaction."""
        balance = await self._balances.find_one({"user": person.id})
        if balance is None:
            return
        await self._balances.update_one(
            {"user": person.id, "tokenCredits": balance["tokenCredits"]},
            {
                "$set": {
                    "tokenCredits": balance["tokenCredits"] + _REFILL,
                    "lastRefill": person.now(),
                }
            },
        )
        await self._balances.find_one_and_update(
            {"user": person.id},
            [
                {
                    "$set": {
                        "reservedCredits": {
                            "$cond": [{"$gt": ["$tokenCredits", 25_000]}, 100.5, -0.0]
                        },
                        "reservations": {
                            "$concatArrays": [
                                {"$ifNull": ["$reservations", []]},
                                [{"id": {"$literal": person.uuid()}, "amount": 1.5}],
                            ]
                        },
                    }
                },
                {"$set": {"reservations": {"$slice": ["$reservations", -3]}}},
            ],
            return_document=ReturnDocument.AFTER,
        )

    async def look(self, person: Person) -> None:
        """Show the balance, without what the page does not need."""
        await self._balances.find_one(
            {"user": person.id}, {"tokenCredits": 1, "lastRefill": 1, "_id": 0}
        )

    async def statement(self, person: Person) -> None:
        """Show the last entries, and what they add up to."""
        own = {"user": person.id}
        await (
            self._transactions.find(own, batch_size=10)
            .sort([("createdAt", -1), ("_id", -1)])
            .limit(25)
            .to_list()
        )
        async with await self._transactions.aggregate(
            [
                {"$match": {**own, "tokenType": "prompt"}},
                {"$group": {"_id": "$model", "n": {"$sum": 1}, "raw": {"$sum": "$rawAmount"}}},
                {"$sort": {"_id": 1}},
            ]
        ) as cursor:
            await cursor.to_list()


def _refuse_debts(balance: Document | None) -> None:
    if balance is not None and balance["tokenCredits"] < 0:
        raise TooExpensiveError
