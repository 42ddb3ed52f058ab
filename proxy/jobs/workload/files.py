"""Files: uploaded, used by messages, kept or let go."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pymongo import ReturnDocument

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

_TYPES: Final = "image/png application/pdf text/plain text/markdown".split()
_MOST_FILES: Final = 20


class Files(Flow):
    """What people attach; a file expires unless something uses it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._files = database["files"]

    def steps(self) -> Mapping[Step, int]:
        return {self.upload: 3, self.use: 3, self.browse: 3, self.delete: 1, self.look_for_odd: 1}

    async def upload(self, person: Person) -> None:
        """Upload a file that goes after an hour unless it is used."""
        if len(person.files) >= _MOST_FILES:
            await self.delete(person)
            return
        identifier, now = person.uuid(), person.now()
        document = {
            "user": person.id,
            "file_id": identifier,
            "bytes": person.random.randint(100, 2**33),
            "filename": f"{person.words(1, 2)}.{person.random.randint(1, 99)}",
            "filepath": f"/uploads/{person.user}/{identifier}",
            "object": "file",
            "type": person.one_of(_TYPES),
            "usage": 0,
            "source": "local",
            "metadata": {},
            "expiresAt": now + timedelta(hours=1),
            "updatedAt": now,
        }
        await self._files.find_one_and_update(
            {"file_id": identifier},
            {
                "$set": document,
                "$setOnInsert": {"_id": person.object_id(), "createdAt": now, "__v": 0},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        person.files.append(identifier)

    async def use(self, person: Person) -> None:
        """Attach a file: it is counted and kept."""
        if not person.files:
            await self.upload(person)
            return
        await self._files.find_one_and_update(
            {"file_id": person.one_of(person.files)},
            {
                "$inc": {"usage": 1},
                "$unset": {"expiresAt": "", "temp_file_id": ""},
                "$set": {"metadata.runFile": {"runId": person.uuid(), "agentId": None}},
            },
            return_document=ReturnDocument.AFTER,
        )

    async def browse(self, person: Person) -> None:
        """List one's files without their text."""
        await (
            self._files.find({"user": person.id}, {"text": 0})
            .sort([("updatedAt", -1), ("_id", 1)])
            .to_list()
        )
        await self._files.find(
            {
                "file_id": {"$in": [*person.files[:3], "missing"]},
                "type": {"$in": ["image/png", "application/pdf"]},
                "metadata": {"$ne": {}},
            }
        ).to_list()

    async def delete(self, person: Person) -> None:
        """Delete some files at once."""
        if not person.files:
            return
        gone = person.some_of(person.files, 2)
        person.files = [identifier for identifier in person.files if identifier not in gone]
        await self._files.delete_many({"file_id": {"$in": gone}, "user": person.id})

    async def look_for_odd(self, person: Person) -> None:
        """Ask what a clean-up would: unused, huge, without a place."""
        await self._files.find(
            {
                "user": person.id,
                "$or": [{"usage": 0}, {"bytes": {"$gt": 2**32}}, {"filepath": {"$in": [None, ""]}}],
            },
            {"file_id": 1, "bytes": 1, "usage": 1},
        ).to_list()
        await self._files.find_one({"user": person.id, "metadata": {}}, {"file_id": 1})
