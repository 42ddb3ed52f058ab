"""Shared links: a conversation that others may read."""

from collections.abc import Mapping

from bson.regex import Regex
from pymongo import ReturnDocument

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person


class Sharing(Flow):
    """Links and what opens behind them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._links = database["sharedlinks"]
        self._messages = database["messages"]

    def steps(self) -> Mapping[Step, int]:
        return {self.share: 2, self.follow: 4, self.update: 1, self.unshare: 1, self.browse: 1}

    async def share(self, person: Person) -> None:
        """Share a conversation as it is now."""
        thread, now = person.one_of(person.threads), person.now()
        own = {"conversationId": thread.id, "user": person.user}
        found = await self._messages.find(own, {"_id": 1}).sort([("createdAt", 1)]).to_list()
        link = person.token()[:21]
        await self._links.insert_one(
            {
                "_id": person.object_id(),
                "shareId": link,
                "conversationId": thread.id,
                "title": person.words(2, 6),
                "user": person.user,
                "messages": [message["_id"] for message in found],
                "fileSnapshots": [
                    {"file_id": identifier, "bytes": 1024.0} for identifier in person.files[:2]
                ],
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )
        person.shares.append(link)

    async def follow(self, person: Person) -> None:
        """Open a link, and load the messages it names."""
        if not person.shares:
            await self.share(person)
            return
        link = await self._links.find_one(
            {"shareId": person.one_of(person.shares), "expiredAt": None}, {"_id": 0, "__v": 0}
        )
        if link is not None:
            await self._messages.find(
                {"_id": {"$in": link["messages"]}}, {"user": 0, "signature": 0}
            ).to_list()

    async def update(self, person: Person) -> None:
        """Share the state of now under a new address."""
        if not person.shares:
            await self.share(person)
            return
        old, new = person.shares.pop(0), person.token()[:21]
        await self._links.find_one_and_update(
            {"shareId": old, "user": person.user},
            {"$set": {"shareId": new, "updatedAt": person.now()}, "$inc": {"__v": 1}},
            projection={"shareId": 1, "title": 1},
            return_document=ReturnDocument.AFTER,
        )
        person.shares.append(new)

    async def unshare(self, person: Person) -> None:
        """Withdraw a link."""
        if person.shares:
            await self._links.find_one_and_delete(
                {"shareId": person.shares.pop(), "user": person.user}
            )

    async def browse(self, person: Person) -> None:
        """List one's links, by title where one searches."""
        await (
            self._links.find({"user": person.user, "title": Regex("a", "i")})
            .sort([("createdAt", -1), ("_id", -1)])
            .limit(10)
            .to_list()
        )
        await self._links.find_one({"user": person.user, "fileSnapshots": []}, {"shareId": 1})
