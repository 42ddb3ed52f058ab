"""A queue of turns: counters with text as `_id`, and a slot that one turn at a time may hold."""

from collections.abc import Mapping
from datetime import timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person


class TwoActiveError(Exception):
    """The database let two turns hold one slot."""


class Queue(Flow):
    """Turns of one person, claimed in order."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._turns = database["queuedturns"]
        self._lanes = database["lanes"]

    def steps(self) -> Mapping[Step, int]:
        return {self.enqueue: 2, self.claim: 2, self.finish: 2}

    async def enqueue(self, person: Person) -> None:
        """Take the next number of a lane and put a turn behind the others."""
        thread, now = person.one_of(person.threads), person.now()
        lane = await self._lanes.find_one_and_update(
            {"_id": f"{person.user}:{thread.id}"},
            {
                "$inc": {"value": 1},
                "$set": {"updatedAt": now},
                "$setOnInsert": {"user": person.user, "createdAt": now},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        await self._turns.insert_one(
            {
                "_id": person.object_id(),
                "user": person.user,
                "conversationId": thread.id,
                "sequence": lane["value"] if lane else 0,
                "status": "queued",
                "priority": person.random.randint(0, 2),
                "text": person.words(5, 60),
                "attempts": 0,
                "createdAt": now,
                "__v": 0,
            }
        )

    async def claim(self, person: Person) -> None:
        """Claim the next turn; where one is active already, the unique slot must refuse."""
        now = person.now()
        active = await self._turns.find_one({"user": person.user, "activeSlot": 1}, {"_id": 1})
        try:
            claimed = await self._turns.find_one_and_update(
                {
                    "user": person.user,
                    "status": "queued",
                    "$or": [{"claimUntil": None}, {"claimUntil": {"$lte": now}}],
                },
                {
                    "$set": {
                        "status": "active",
                        "activeSlot": 1,
                        "claimUntil": now + timedelta(seconds=30),
                    },
                    "$inc": {"attempts": 1},
                },
                sort=[("priority", -1), ("createdAt", 1), ("_id", 1)],
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return
        if claimed is not None and active is not None:
            raise TwoActiveError("two turns are active")

    async def finish(self, person: Person) -> None:
        """Give the slot back, and let go what is long done."""
        await self._turns.update_one(
            {"user": person.user, "activeSlot": {"$exists": True}},
            {"$set": {"status": "done"}, "$unset": {"activeSlot": "", "claimUntil": ""}},
        )
        await self._turns.delete_many(
            {"user": person.user, "status": "done", "attempts": {"$gte": 1}, "priority": 0}
        )
        await (
            self._turns.find({"user": person.user})
            .sort([("status", 1), ("sequence", -1), ("_id", 1)])
            .to_list()
        )
