"""Bookmarks: tags with a count and a position, and the conversations that carry them."""

from collections.abc import Mapping
from typing import Final

from pymongo import ReturnDocument, UpdateOne

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

_TAGS: Final = "work home later idea recipe travel paper code music garden".split()


class Tags(Flow):
    """Tags of one person; another person's tag of the same name is another tag."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._tags = database["conversationtags"]
        self._conversations = database["conversations"]

    def steps(self) -> Mapping[Step, int]:
        return {self.tag: 5, self.rename: 1, self.browse: 2, self.reorder: 1}

    async def tag(self, person: Person) -> None:
        """Put a tag on a conversation; the tag is made when it is new."""
        thread, tag, now = person.one_of(person.threads), person.one_of(_TAGS), person.now()
        if tag in thread.tags:
            await self._untag(person, tag)
            return
        await self._tags.find_one_and_update(
            {"tag": tag, "user": person.user},
            {
                "$inc": {"count": 1},
                "$set": {"updatedAt": now},
                "$setOnInsert": {
                    "_id": person.object_id(),
                    "description": person.words(1, 5),
                    "position": len(thread.tags),
                    "createdAt": now,
                    "__v": 0,
                },
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        await self._conversations.update_one(
            {"conversationId": thread.id, "user": person.user}, {"$addToSet": {"tags": tag}}
        )
        thread.tags.append(tag)

    async def _untag(self, person: Person, tag: str) -> None:
        changed = 0
        for thread in person.threads:
            if tag in thread.tags:
                thread.tags.remove(tag)
                changed += 1
        await self._conversations.update_many(
            {"user": person.user, "tags": tag}, {"$pull": {"tags": tag}}
        )
        await self._tags.update_one(
            {"tag": tag, "user": person.user}, {"$inc": {"count": -changed}}
        )
        await self._tags.delete_many({"user": person.user, "count": {"$lte": 0}})

    async def rename(self, person: Person) -> None:
        """Give a tag another name wherever it is."""
        used = sorted({tag for thread in person.threads for tag in thread.tags})
        if not used:
            await self.tag(person)
            return
        old = person.one_of(used)
        new = f"{old}-{person.random.randrange(10**6)}"
        await self._conversations.update_many(
            {"user": person.user, "tags": old}, {"$set": {"tags.$": new}}
        )
        await self._tags.find_one_and_update(
            {"tag": old, "user": person.user},
            {"$set": {"tag": new, "updatedAt": person.now()}},
            return_document=ReturnDocument.BEFORE,
        )
        for thread in person.threads:
            thread.tags = [new if tag == old else tag for tag in thread.tags]

    async def browse(self, person: Person) -> None:
        """List tags, and the conversations under some of them."""
        await self._tags.find({"user": person.user}).sort([("position", 1), ("_id", 1)]).to_list()
        await self._conversations.find(
            {"user": person.user, "tags": {"$in": person.some_of(_TAGS, 4)}},
            {"conversationId": 1, "tags": 1},
        ).to_list()
        await self._conversations.distinct("tags", {"user": person.user})

    async def reorder(self, person: Person) -> None:
        """Move tags about in one unordered batch."""
        chosen = person.some_of(_TAGS, 4)
        await self._tags.bulk_write(
            [
                UpdateOne(
                    {"tag": tag, "user": person.user},
                    {"$set": {"position": place, "updatedAt": person.now()}},
                )
                for place, tag in enumerate(chosen)
            ],
            ordered=False,
        )
