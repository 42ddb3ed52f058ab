"""Leaving: an account goes with everything that is theirs."""

from collections.abc import Mapping
from typing import Final

from proxy.jobs.workload.flow import Flow, Step
from proxy.jobs.workload.person import Person

BY_TEXT: Final = (
    "messages",
    "conversations",
    "conversationtags",
    "sharedlinks",
    "presets",
    "queuedturns",
    "lanes",
)
"""Collections that keep their owner's id as text."""

BY_ID: Final = ("sessions", "files", "balances", "transactions")


class Farewell(Flow):
    """The last thing a person does."""

    def steps(self) -> Mapping[Step, int]:
        return {}

    async def leave(self, person: Person) -> None:
        """Delete the person; whoever comes next begins anew."""
        for name in BY_TEXT:
            await self.database[name].delete_many({"user": person.user})
        for name in BY_ID:
            await self.database[name].delete_many({"user": person.id})
        await self.database["prompts"].delete_many({"author": person.id})
        await self.database["promptgroups"].delete_many({"_id": {"$in": person.prompt_groups}})
        await self.database["agents"].delete_many({"author": person.id})
        await self.database["aclentries"].delete_many({"principalId": person.id})
        await self.database["tokens"].delete_many({"userId": person.id})
        await self.database["users"].delete_one({"_id": person.id})
        await self.database["messages"].count_documents({"user": person.user})
