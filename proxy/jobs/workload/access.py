"""Access: who may do what with an agent or a prompt group."""

from collections.abc import Mapping
from typing import Final

from bson import ObjectId
from pymongo import DeleteOne, UpdateOne

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

_VIEW, _EDIT, _DELETE, _SHARE = 1, 2, 4, 8
_ALL_BITS: Final = range((_VIEW | _EDIT | _DELETE | _SHARE) + 1)


def supersets(bits: int) -> list[int]:
    """Return every set of permissions that includes these: how the application asks for bits."""
    return [value for value in _ALL_BITS if value & bits == bits]


class Access(Flow):
    """Entries of permissions, asked for by every listing."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._entries = database["aclentries"]

    def steps(self) -> Mapping[Step, int]:
        return {self.grant: 3, self.check: 5, self.widen: 1, self.grant_many: 1, self.revoke: 1}

    async def grant(self, person: Person) -> None:
        """Grant rights on a resource to somebody, or change those that are there."""
        resource = self._resource(person)
        now = person.now()
        await self._entries.find_one_and_update(
            self._key(person, resource),
            {
                "$set": {
                    "permBits": person.one_of(_ALL_BITS),
                    "grantedBy": person.id,
                    "grantedAt": now,
                    "updatedAt": now,
                },
                "$setOnInsert": {"_id": person.object_id(), "createdAt": now, "__v": 0},
            },
            upsert=True,
        )

    async def check(self, person: Person) -> None:
        """Ask which resources somebody may use, and for one of them whether."""
        may = {
            "$or": [
                {"principalType": "user", "principalId": person.id},
                {"principalType": "public", "principalId": {"$exists": False}},
            ],
            "resourceType": "promptGroup",
            "permBits": {"$in": supersets(_VIEW)},
        }
        await self._entries.distinct("resourceId", may)
        await self._entries.find_one(
            {**may, "resourceId": self._resource(person), "permBits": {"$in": supersets(_EDIT)}},
            {"permBits": 1},
        )
        await self._entries.find({"principalId": person.id}).to_list()

    async def widen(self, person: Person) -> None:
        """Add one right to every entry of a person."""
        await self._entries.update_many(
            {"principalId": person.id, "permBits": {"$lt": _SHARE}},
            {"$bit": {"permBits": {"or": _EDIT}}, "$set": {"updatedAt": person.now()}},
        )

    async def grant_many(self, person: Person) -> None:
        """Change several entries together, in a transaction."""
        now = person.now()
        async with (
            self.database.client.start_session() as session,
            await session.start_transaction(),
        ):
            await self._entries.bulk_write(
                [
                    *[
                        UpdateOne(
                            self._key(person, group),
                            {
                                "$set": {"permBits": _VIEW | _EDIT, "updatedAt": now},
                                "$setOnInsert": {"_id": person.object_id(), "__v": 0},
                            },
                            upsert=True,
                        )
                        for group in person.prompt_groups[:3]
                    ],
                    DeleteOne({"principalId": person.id, "permBits": 0}),
                ],
                session=session,
            )
            await self._entries.find({"principalId": person.id}, session=session).to_list()

    async def revoke(self, person: Person) -> None:
        """Withdraw the rights on a resource."""
        await self._entries.delete_many(
            {"resourceId": self._resource(person), "principalId": person.id}
        )

    def _resource(self, person: Person) -> ObjectId:
        return person.one_of(person.prompt_groups) if person.prompt_groups else person.id

    def _key(self, person: Person, resource: ObjectId) -> dict[str, object]:
        return {
            "principalType": "user",
            "principalId": person.id,
            "resourceType": "promptGroup",
            "resourceId": resource,
        }
