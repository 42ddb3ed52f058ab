"""Agents: documents that carry their own history."""

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ReturnDocument

from proxy.jobs.workload.conversations import MODELS
from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

_TOOLS: Final = "search execute_code file_search image_gen retrieval".split()
_VERSIONS_KEPT: Final = 5
_MOST_AGENTS: Final = 5


class Agents(Flow):
    """Agents of one person; everybody lists them all."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._agents = database["agents"]

    def steps(self) -> Mapping[Step, int]:
        return {self.create: 1, self.update: 3, self.attach: 2, self.browse: 2, self.open: 2}

    async def create(self, person: Person) -> None:
        """Make an agent with its first version."""
        if len(person.agents) >= _MOST_AGENTS:
            await self.open(person)
            return
        identifier, now = f"agent_{person.uuid()}", person.now()
        content = self._content(person)
        await self._agents.insert_one(
            {
                "_id": person.object_id(),
                "id": identifier,
                "author": person.id,
                "authorName": person.name,
                **content,
                "tool_resources": {},
                "versions": [{**content, "createdAt": now, "updatedAt": now}],
                "category": person.one_of(["general", "hr", "rd", "finance"]),
                "is_promoted": False,
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )
        person.agents.append(identifier)

    def _content(self, person: Person) -> dict[str, Any]:
        return {
            "name": person.words(1, 3),
            "description": person.words(5, 20),
            "instructions": person.words(20, 150),
            "model": person.one_of(MODELS),
            "model_parameters": {"temperature": 0.5, "max_tokens": None},
            "tools": person.some_of(_TOOLS, 3),
        }

    async def _any(self, person: Person) -> str:
        if not person.agents:
            await self.create(person)
        return person.one_of(person.agents)

    async def update(self, person: Person) -> None:
        """Change an agent and remember how it was; only the last versions stay."""
        identifier, content, now = await self._any(person), self._content(person), person.now()
        await self._agents.find_one_and_update(
            {"id": identifier},
            {
                "$set": {**content, "updatedAt": now},
                "$push": {
                    "versions": {
                        "$each": [{**content, "createdAt": now, "updatedBy": person.id}],
                        "$slice": -_VERSIONS_KEPT,
                    }
                },
                "$inc": {"__v": 1},
            },
            return_document=ReturnDocument.AFTER,
        )

    async def attach(self, person: Person) -> None:
        """Give files and tools to an agent and take some back."""
        identifier = await self._any(person)
        path = "tool_resources.file_search.file_ids"
        await self._agents.update_one(
            {"id": identifier},
            {
                "$addToSet": {path: {"$each": person.files[:2]}, "tools": "file_search"},
                "$set": {"updatedAt": person.now()},
            },
        )
        await self._agents.find_one_and_update(
            {"id": identifier},
            {"$pull": {path: {"$in": person.files[:1]}, "tools": {"$in": ["image_gen"]}}},
            projection={"tools": 1, "tool_resources": 1},
            return_document=ReturnDocument.AFTER,
        )

    async def open(self, person: Person) -> None:
        """Show an agent with its newest version."""
        identifier = await self._any(person)
        await self._agents.find_one({"id": identifier}, {"versions": {"$slice": -1}})
        await self._agents.find_one(
            {
                "id": identifier,
                "versions": {"$elemMatch": {"model": "gpt-4o", "name": {"$exists": True}}},
            },
            {"versions.$": 1},
        )

    async def browse(self, person: Person) -> None:
        """Look through one's agents as the marketplace shows them."""
        async with await self._agents.aggregate(
            [
                {"$match": {"author": person.id, "is_promoted": {"$ne": True}}},
                {
                    "$addFields": {
                        "version": {"$size": {"$ifNull": ["$versions", []]}},
                        "isMine": {"$eq": ["$author", person.id]},
                        "toolNames": {
                            "$map": {
                                "input": "$tools",
                                "as": "tool",
                                "in": {"$concat": ["t:", "$$tool"]},
                            }
                        },
                    }
                },
                {"$project": {"versions": 0, "instructions": 0}},
                {"$sort": {"updatedAt": -1, "_id": 1}},
            ]
        ) as cursor:
            await cursor.to_list()
