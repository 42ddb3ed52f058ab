"""Presets: sets of parameters, one of which may be the default."""

from collections.abc import Mapping

from pymongo import ReturnDocument

from proxy.jobs.workload.conversations import MODELS
from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person


class Presets(Flow):
    """Few, small, often replaced as a whole."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._presets = database["presets"]

    def steps(self) -> Mapping[Step, int]:
        return {self.save: 2, self.choose: 1, self.browse: 2, self.replace: 1, self.delete: 1}

    async def save(self, person: Person) -> None:
        """Save a preset."""
        identifier, now = person.uuid(), person.now()
        await self._presets.find_one_and_update(
            {"presetId": identifier, "user": person.user},
            {
                "$set": {
                    "title": person.words(1, 3),
                    "model": person.one_of(MODELS),
                    "temperature": round(person.random.random() * 2, 1),
                    "examples": [{"input": {"content": ""}, "output": {"content": ""}}],
                    "updatedAt": now,
                },
                "$setOnInsert": {"_id": person.object_id(), "createdAt": now, "__v": 0},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        person.presets.append(identifier)

    async def choose(self, person: Person) -> None:
        """Make one preset the default; the one before stops being it."""
        if not person.presets:
            await self.save(person)
            return
        chosen = person.one_of(person.presets)
        await self._presets.update_many(
            {"user": person.user, "defaultPreset": True, "presetId": {"$ne": chosen}},
            {"$unset": {"defaultPreset": "", "order": ""}},
        )
        await self._presets.find_one_and_update(
            {"presetId": chosen, "user": person.user},
            {"$set": {"defaultPreset": True, "order": 0}},
            return_document=ReturnDocument.AFTER,
        )

    async def browse(self, person: Person) -> None:
        """List presets, the default first."""
        await (
            self._presets.find({"user": person.user})
            .sort([("order", -1), ("updatedAt", -1), ("_id", 1)])
            .to_list()
        )
        await self._presets.find_one({"user": person.user, "defaultPreset": {"$exists": True}})

    async def replace(self, person: Person) -> None:
        """Put another document in the place of a preset."""
        if not person.presets:
            await self.save(person)
            return
        identifier = person.one_of(person.presets)
        await self._presets.replace_one(
            {"presetId": identifier, "user": person.user},
            {
                "user": person.user,
                "presetId": identifier,
                "title": person.words(1, 3),
                "topP": 0.5,
                "updatedAt": person.now(),
                "__v": 1,
            },
        )

    async def delete(self, person: Person) -> None:
        """Delete a preset."""
        if person.presets:
            await self._presets.delete_one({"presetId": person.presets.pop(0), "user": person.user})
