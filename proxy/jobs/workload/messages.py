"""Messages: a tree per conversation, in which answers are edited, asked for again and deleted."""

from collections.abc import Mapping
from typing import Any, Final

from bson.binary import Binary
from pymongo import InsertOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from proxy.jobs.workload.conversations import MODELS
from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person, Thread

NO_PARENT: Final = "00000000-0000-0000-0000-000000000000"
_DUPLICATE_KEY: Final = 11000
_SMALL_BATCH: Final = 5


class LostMessagesError(Exception):
    """A batch ended otherwise than its statements demand."""


class Messages(Flow):
    """The middle of the screen."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._messages = database["messages"]
        self._conversations = database["conversations"]

    def steps(self) -> Mapping[Step, int]:
        return {
            self.say: 12,
            self.read: 8,
            self.edit: 4,
            self.regenerate: 4,
            self.rate: 3,
            self.walk: 3,
            self.take_back: 1,
            self.import_messages: 2,
            self.touch_up: 2,
        }

    async def say(self, person: Person) -> None:
        """Ask and be answered: two messages, and the conversation that lists them."""
        thread = person.one_of(person.threads)
        question = await self._save(person, thread, thread.last or NO_PARENT, by_person=True)
        await self._save(person, thread, question, by_person=False)
        await self._list(person, thread)

    async def _save(self, person: Person, thread: Thread, parent: str, *, by_person: bool) -> str:
        message = self._message(person, thread, parent, by_person=by_person)
        created = {"_id": message.pop("_id"), "createdAt": message.pop("createdAt"), "__v": 0}
        await self._messages.find_one_and_update(
            {"messageId": message["messageId"], "user": person.user},
            {"$set": message, "$setOnInsert": created},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        thread.messages.append(message["messageId"])
        return str(message["messageId"])

    def _message(
        self, person: Person, thread: Thread, parent: str, *, by_person: bool
    ) -> dict[str, Any]:
        now = person.now()
        message: dict[str, Any] = {
            "_id": person.object_id(),
            "messageId": person.uuid(),
            "conversationId": thread.id,
            "user": person.user,
            "parentMessageId": parent,
            "sender": "User" if by_person else person.one_of(MODELS),
            "isCreatedByUser": by_person,
            "text": person.words(20, 120) if by_person else "",
            "tokenCount": person.random.randint(5, 900),
            "unfinished": False,
            "error": False,
            "expiredAt": None,
            "createdAt": now,
            "updatedAt": now,
        }
        if not by_person:
            message["content"] = [
                {"type": "think", "think": person.words(10, 60)},
                {"type": "text", "text": {"value": person.words(60, 450), "annotations": []}},
                {
                    "type": "tool_call",
                    "tool_call": {"name": "search", "args": {"q": person.words(1, 4)}},
                },
            ]
            message["signature"] = Binary(person.random.randbytes(24))
            message["metadata"] = {"usage": {"in": 12, "out": 1.5, "cached": 0.0, "cost": -0.0}}
        return message

    async def _list(self, person: Person, thread: Thread) -> None:
        found = await self._messages.find(
            {"conversationId": thread.id, "user": person.user}, {"_id": 1}
        ).to_list()
        await self._conversations.find_one_and_update(
            {"conversationId": thread.id, "user": person.user},
            {
                "$set": {
                    "messages": sorted(message["_id"] for message in found),
                    "updatedAt": person.now(),
                }
            },
            return_document=ReturnDocument.AFTER,
        )

    async def read(self, person: Person) -> None:
        """Show a conversation from its beginning, in more than one batch when it is long."""
        thread = max(person.threads, key=lambda any_thread: len(any_thread.messages))
        cursor = self._messages.find(
            {"conversationId": thread.id, "user": person.user}, batch_size=_SMALL_BATCH
        ).sort([("createdAt", 1)])
        await cursor.to_list()
        await self._messages.find(
            {"conversationId": {"$in": [any_thread.id for any_thread in person.threads]}},
            {"messageId": 1, "content": {"$slice": 1}, "metadata.usage": 1},
            batch_size=2 * _SMALL_BATCH,
        ).to_list()

    async def edit(self, person: Person) -> None:
        """Change the text of a question, or one part of an answer."""
        thread = person.one_of(person.threads)
        if not thread.messages:
            await self.say(person)
            return
        key = {"messageId": person.one_of(thread.messages), "user": person.user}
        await self._messages.update_one(
            {**key, "isCreatedByUser": False},
            {
                "$set": {
                    "content.$[part].text.value": person.words(60, 300),
                    "updatedAt": person.now(),
                }
            },
            array_filters=[{"part.type": "text"}],
        )
        await self._messages.update_one(
            {**key, "isCreatedByUser": True},
            {"$set": {"text": person.words(20, 120), "tokenCount": person.random.randint(5, 900)}},
        )
        await self._messages.find_one_and_update(
            {**key, "content": {"$elemMatch": {"type": "text"}}},
            {"$push": {"content.1.text.annotations": {"at": person.now(), "by": person.id}}},
            projection={"content": 1},
            return_document=ReturnDocument.AFTER,
        )

    async def regenerate(self, person: Person) -> None:
        """Ask for another answer: a sibling under the same parent."""
        thread = person.one_of(person.threads)
        if not thread.messages:
            await self.say(person)
            return
        parent = person.one_of(thread.messages)
        sibling = self._message(person, thread, parent, by_person=False)
        await self._messages.insert_one({**sibling, "__v": 0})
        thread.messages.append(sibling["messageId"])
        await (
            self._messages.find({"parentMessageId": parent, "user": person.user})
            .sort([("createdAt", -1), ("_id", -1)])
            .to_list()
        )

    async def rate(self, person: Person) -> None:
        """Praise, blame, or take it back."""
        thread = person.one_of(person.threads)
        if not thread.messages:
            return
        key = {"messageId": person.one_of(thread.messages), "user": person.user}
        feedback = {"rating": person.one_of(["thumbsUp", "thumbsDown"]), "tag": {"key": "fast"}}
        change = (
            {"$set": {"feedback": feedback}} if person.happens(0.7) else {"$unset": {"feedback": 1}}
        )
        await self._messages.find_one_and_update(
            key,
            change,
            projection={"feedback": 1, "messageId": 1},
            return_document=ReturnDocument.AFTER,
        )
        await self._messages.count_documents(
            {"user": person.user, "feedback.rating": "thumbsUp", "error": {"$not": {"$eq": True}}}
        )

    async def walk(self, person: Person) -> None:
        """Look at the tree: its leaves' parents, its longest answers, its odd ones."""
        thread = person.one_of(person.threads)
        own = {"conversationId": thread.id, "user": person.user}
        await (
            self._messages.find(
                {**own, "parentMessageId": {"$in": [NO_PARENT, None, *thread.messages[-3:]]}},
                {"messageId": 1, "parentMessageId": 1, "sender": 1},
            )
            .sort([("createdAt", 1), ("_id", 1)])
            .to_list()
        )
        await self._messages.find(
            {
                **own,
                "tokenCount": {"$gte": 100, "$lt": 800},
                "content": {"$size": 3},
                "signature": {"$type": "binData"},
                "$nor": [{"error": True}, {"unfinished": True}],
            },
            {"content.text.value": 1, "tokenCount": 1},
        ).to_list()
        await self._messages.find_one({**own, "$expr": {"$gt": ["$tokenCount", 850]}}, {"_id": 1})

    async def take_back(self, person: Person) -> None:
        """Delete the last messages of a conversation."""
        thread = person.one_of(person.threads)
        if len(thread.messages) < 4:
            await self.say(person)
            return
        gone, thread.messages = thread.messages[-2:], thread.messages[:-2]
        await self._messages.delete_many({"messageId": {"$in": gone}, "user": person.user})
        await self._list(person, thread)

    async def import_messages(self, person: Person) -> None:
        """Bring messages from elsewhere in one unordered batch, one of them twice."""
        thread = person.one_of(person.threads)
        parent, batch = thread.last or NO_PARENT, []
        for _ in range(person.random.randint(3, 6)):
            message = self._message(person, thread, parent, by_person=person.happens(0.5))
            parent = message["messageId"]
            batch.append({**message, "__v": 0})
        twice = {**batch[0], "_id": person.object_id()}
        try:
            await self._messages.insert_many([*batch, twice], ordered=False)
        except BulkWriteError as error:
            codes = [failed["code"] for failed in error.details["writeErrors"]]
            if codes != [_DUPLICATE_KEY]:
                raise LostMessagesError(f"expected one duplicate, got {codes}") from error
        else:
            raise LostMessagesError("a message was inserted twice")
        thread.messages.extend(message["messageId"] for message in batch)

    async def touch_up(self, person: Person) -> None:
        """Change several messages in one ordered batch of different statements."""
        thread = person.one_of(person.threads)
        if not thread.messages:
            return
        added = self._message(person, thread, thread.messages[-1], by_person=True)
        await self._messages.bulk_write(
            [
                InsertOne({**added, "__v": 0}),
                *[
                    UpdateOne(
                        {"messageId": identifier, "user": person.user},
                        {"$set": {"unfinished": False}, "$inc": {"__v": 1}},
                    )
                    for identifier in person.some_of(thread.messages, 3)
                ],
                UpdateOne(
                    {"messageId": added["messageId"], "user": person.user},
                    {"$set": {"text": person.words(5, 30)}, "$unset": {"error": 1}},
                ),
            ],
            ordered=True,
        )
        thread.messages.append(added["messageId"])
