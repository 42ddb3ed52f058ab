"""Conversations: begun, listed, renamed, archived."""

from collections.abc import Mapping
from typing import Final

from pymongo import ReturnDocument

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person, Thread

MODELS: Final = "gpt-4o claude-sonnet mistral-large llama-70b gemini-pro".split()
_ENDPOINTS: Final = "openAI anthropic custom google agents".split()
_PAGE: Final = 26
_MOST_THREADS: Final = 12


class Conversations(Flow):
    """The list at the left of the screen."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._conversations = database["conversations"]

    def steps(self) -> Mapping[Step, int]:
        return {
            self.begin: 3,
            self.browse: 6,
            self.rename: 3,
            self.archive: 2,
            self.tune: 2,
            self.open: 4,
        }

    async def begin(self, person: Person) -> None:
        """Begin a conversation, unless the screen is full of them."""
        if len(person.threads) >= _MOST_THREADS:
            await self.browse(person)
            return
        thread, now = Thread(id=person.uuid()), person.now()
        await self._conversations.find_one_and_update(
            {"conversationId": thread.id, "user": person.user},
            {
                "$set": {
                    "conversationId": thread.id,
                    "user": person.user,
                    "endpoint": person.one_of(_ENDPOINTS),
                    "model": person.one_of(MODELS),
                    "temperature": round(person.random.random(), 2),
                    "top_p": 1.0,
                    "presence_penalty": -0.0,
                    "resendFiles": True,
                    "maxOutputTokens": 4096,
                    "updatedAt": now,
                },
                "$unset": {"expiredAt": 1},
                "$setOnInsert": {
                    "_id": person.object_id(),
                    "title": "New Chat",
                    "messages": [],
                    "tags": [],
                    "createdAt": now,
                    "__v": 0,
                },
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        person.threads.append(thread)

    async def browse(self, person: Person) -> None:
        """Show the newest conversations that are neither archived nor temporary."""
        await (
            self._conversations.find(
                {
                    "user": person.user,
                    "$and": [
                        {"$or": [{"isArchived": False}, {"isArchived": {"$exists": False}}]},
                        {"$or": [{"expiredAt": None}, {"expiredAt": {"$exists": False}}]},
                        {"updatedAt": {"$lt": person.now()}},
                    ],
                },
                {"conversationId": 1, "endpoint": 1, "title": 1, "updatedAt": 1, "user": 1},
            )
            .sort([("updatedAt", -1), ("_id", 1)])
            .limit(_PAGE)
            .to_list()
        )
        await self._conversations.count_documents(
            {"user": person.user, "isArchived": {"$ne": True}, "tags": {"$in": []}}
        )

    async def open(self, person: Person) -> None:
        """Open one conversation, and check that it is one's own."""
        thread = person.one_of(person.threads)
        await self._conversations.find_one({"conversationId": thread.id, "user": person.user})
        await self._conversations.find_one(
            {"conversationId": thread.id, "user": {"$ne": person.user}}, {"_id": 1}
        )

    async def rename(self, person: Person) -> None:
        """Give a conversation a title."""
        thread = person.one_of(person.threads)
        await self._conversations.find_one_and_update(
            {"conversationId": thread.id, "user": person.user},
            {"$set": {"title": person.words(2, 6), "updatedAt": person.now()}},
            projection={"title": 1, "updatedAt": 1},
            return_document=ReturnDocument.AFTER,
        )

    async def archive(self, person: Person) -> None:
        """Archive a conversation, or take it back."""
        thread = person.one_of(person.threads)
        key = {"conversationId": thread.id, "user": person.user}
        if person.happens(0.5):
            await self._conversations.update_one(
                key, {"$set": {"isArchived": True, "archivedAt": person.now()}}
            )
        else:
            await self._conversations.update_one(
                key, {"$unset": {"isArchived": "", "archivedAt": ""}}
            )
        await (
            self._conversations.find({"user": person.user, "isArchived": True})
            .sort([("archivedAt", -1), ("_id", -1)])
            .skip(person.random.randint(0, 2))
            .limit(5)
            .to_list()
        )

    async def tune(self, person: Person) -> None:
        """Change the parameters of a model, with an expression where one depends on another."""
        thread = person.one_of(person.threads)
        await self._conversations.update_one(
            {"conversationId": thread.id, "user": person.user},
            [
                {
                    "$set": {
                        "temperature": round(person.random.random(), 2),
                        "effort": {"$cond": [{"$gt": ["$maxOutputTokens", 8000]}, "high", "low"]},
                        "tags": {"$ifNull": ["$tags", []]},
                    }
                }
            ],
        )
        await self._conversations.update_one(
            {"conversationId": thread.id, "user": person.user},
            {
                "$inc": {"maxOutputTokens": person.one_of([1024, -512, 0])},
                "$max": {"updatedAt": person.now()},
            },
        )
