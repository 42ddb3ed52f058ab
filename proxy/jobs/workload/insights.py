"""Figures: what dashboards and clean-ups ask of whole collections."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person, midnight


class Insights(Flow):
    """Counts, distinct values and aggregations."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._messages = database["messages"]
        self._conversations = database["conversations"]

    def steps(self) -> Mapping[Step, int]:
        return {
            self.count: 2,
            self.usage: 1,
            self.newest: 1,
            self.per_day: 1,
            self.participants: 1,
        }

    async def _ask(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> None:
        async with await self.database[collection].aggregate(list(pipeline)) as cursor:
            await cursor.to_list()

    async def count(self, person: Person) -> None:
        """Count in every way the driver knows."""
        await self.database["users"].estimated_document_count()
        await self._messages.count_documents({"user": person.user})
        await self._messages.count_documents({"user": person.user}, skip=1, limit=5)
        await self._messages.distinct("sender", {"user": person.user})
        await self.database["transactions"].distinct("model", {"user": person.id})

    async def usage(self, person: Person) -> None:
        """Add up one's tokens by sender."""
        await self._ask(
            "messages",
            [
                {"$match": {"user": person.user, "tokenCount": {"$gt": 0}}},
                {
                    "$group": {
                        "_id": {"sender": "$sender", "mine": "$isCreatedByUser"},
                        "n": {"$sum": 1},
                        "tokens": {"$sum": "$tokenCount"},
                        "largest": {"$max": "$tokenCount"},
                        "smallest": {"$min": "$tokenCount"},
                    }
                },
            ],
        )

    async def newest(self, person: Person) -> None:
        """Find the newest message of each conversation."""
        await self._ask(
            "messages",
            [
                {"$match": {"user": person.user}},
                {"$sort": {"createdAt": -1, "_id": -1}},
                {
                    "$group": {
                        "_id": "$conversationId",
                        "messageId": {"$first": "$messageId"},
                        "at": {"$first": "$createdAt"},
                    }
                },
                {"$sort": {"at": -1, "_id": 1}},
                {"$limit": 5},
            ],
        )

    async def per_day(self, person: Person) -> None:
        """Count conversations by day and state."""
        await self._ask(
            "conversations",
            [
                {"$match": {"user": person.user, "createdAt": {"$gte": midnight(person.moment)}}},
                {
                    "$group": {
                        "_id": {"$dateToString": {"format": "%Y-%m-%d", "date": "$createdAt"}},
                        "n": {"$sum": 1},
                        "archived": {"$sum": {"$cond": [{"$eq": ["$isArchived", True]}, 1, 0]}},
                    }
                },
            ],
        )

    async def participants(self, person: Person) -> None:
        """Join one's conversations with one's tags."""
        await self._ask(
            "conversations",
            [
                {"$match": {"user": person.user, "tags.0": {"$exists": True}}},
                {"$unwind": "$tags"},
                {
                    "$lookup": {
                        "from": "conversationtags",
                        "localField": "tags",
                        "foreignField": "tag",
                        "as": "known",
                    }
                },
                {
                    "$addFields": {
                        "known": {
                            "$filter": {
                                "input": "$known",
                                "as": "one",
                                "cond": {"$eq": ["$$one.user", person.user]},
                            }
                        }
                    }
                },
                {"$unwind": {"path": "$known", "preserveNullAndEmptyArrays": True}},
                {"$group": {"_id": "$tags", "n": {"$sum": 1}, "count": {"$max": "$known.count"}}},
                {"$sort": {"n": -1, "_id": 1}},
                {"$limit": 10},
            ],
        )
