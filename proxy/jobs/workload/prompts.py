"""Prompts: groups of versions, one of which is in production."""

from collections.abc import Mapping
from typing import Final

from pymongo import ReturnDocument

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

_CATEGORIES: Final = "writing code teach shop travel".split()
_MOST_GROUPS: Final = 6


class Prompts(Flow):
    """Two collections joined in most reads."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._groups = database["promptgroups"]
        self._prompts = database["prompts"]

    def steps(self) -> Mapping[Step, int]:
        return {self.write: 2, self.use: 3, self.browse: 2, self.page: 1, self.promote: 1}

    async def write(self, person: Person) -> None:
        """Write a prompt, in a new group while there are few."""
        now, prompt = person.now(), person.object_id()
        is_new = len(person.prompt_groups) < _MOST_GROUPS
        group = person.object_id() if is_new else person.one_of(person.prompt_groups)
        if is_new:
            await self._groups.insert_one(
                {
                    "_id": group,
                    "name": person.words(1, 3),
                    "numberOfGenerations": 0,
                    "oneliner": person.words(3, 8),
                    "category": person.one_of(_CATEGORIES),
                    "productionId": prompt,
                    "author": person.id,
                    "authorName": person.name,
                    "createdAt": now,
                    "updatedAt": now,
                    "__v": 0,
                }
            )
            person.prompt_groups.append(group)
        await self._prompts.insert_one(
            {
                "_id": prompt,
                "groupId": group,
                "author": person.id,
                "prompt": person.words(30, 200),
                "type": "text",
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )

    async def use(self, person: Person) -> None:
        """Count one use of a group."""
        if not person.prompt_groups:
            await self.write(person)
            return
        await self._groups.find_one_and_update(
            {"_id": person.one_of(person.prompt_groups)},
            {"$inc": {"numberOfGenerations": 1}, "$max": {"updatedAt": person.now()}},
            projection={"numberOfGenerations": 1},
            return_document=ReturnDocument.AFTER,
        )

    async def browse(self, person: Person) -> None:
        """List groups with the text of the prompt in production."""
        async with await self._groups.aggregate(
            [
                {"$match": {"author": person.id}},
                {"$sort": {"numberOfGenerations": -1, "updatedAt": -1, "_id": 1}},
                {
                    "$lookup": {
                        "from": "prompts",
                        "localField": "productionId",
                        "foreignField": "_id",
                        "as": "productionPrompt",
                    }
                },
                {
                    "$unwind": {
                        "path": "$productionPrompt",
                        "preserveNullAndEmptyArrays": True,
                    }
                },
                {"$project": {"name": 1, "category": 1, "productionPrompt.prompt": 1}},
                {"$limit": 10},
            ]
        ) as cursor:
            await cursor.to_list()

    async def page(self, person: Person) -> None:
        """Ask for a page and the number of all in one go."""
        async with await self._groups.aggregate(
            [
                {"$match": {"author": person.id, "category": {"$in": [*_CATEGORIES, ""]}}},
                {
                    "$facet": {
                        "total": [{"$count": "n"}],
                        "page": [{"$sort": {"_id": -1}}, {"$skip": 1}, {"$limit": 3}],
                    }
                },
            ]
        ) as cursor:
            await cursor.to_list()

    async def promote(self, person: Person) -> None:
        """Put the newest version of a group into production."""
        if not person.prompt_groups:
            await self.write(person)
            return
        group = person.one_of(person.prompt_groups)
        newest = await self._prompts.find({"groupId": group}).sort([("_id", -1)]).limit(1).to_list()
        if newest:
            await self._groups.update_one(
                {"_id": group, "productionId": {"$ne": newest[0]["_id"]}},
                {"$set": {"productionId": newest[0]["_id"], "updatedAt": person.now()}},
            )
