"""The audit log: entries in chains, each with the hash of the one before, so that none can be changed or taken out unseen."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from bson import json_util
from bson.objectid import ObjectId

from adapters.gateway import Transaction
from adapters.mongoose.making import Making
from adapters.mongoose.storing import new_document
from adapters.repositories.repository import Document, Repository
from adapters.repositories.together import repeated

BEGINNING: Final = "0" * 64
VERSION: Final = 1
ADDED_LATER: Final = frozenset({"_id", "__v", "hash"})
"""What the hash of an entry does not cover."""


class AuditLogRepository(Repository):
    """Entries of the audit log. They are appended; nobody changes them."""

    entity = "AuditLog"

    async def append(self, chain: str, entry: Mapping[str, Any]) -> Document:
        """Add an entry to the end of a chain, and return it with its place and its hash."""

        async def work(session: Transaction) -> Document:
            last = await self.find_one({"chainKey": chain}, sort={"seq": -1}, session=session)
            made = {
                "schemaVersion": VERSION,
                "createdAt": self.now(),
                **entry,
                "chainKey": chain,
                "seq": 0 if last is None else int(last["seq"]) + 1,
                "prevHash": BEGINNING if last is None else last["hash"],
            }
            return await self.create(self._sealed(made), session=session)

        return await repeated(self._behind.database, work)

    def _sealed(self, entry: Document) -> Document:
        """Return an entry as it is stored, so that its hash covers what is read later, with that hash."""
        making = Making(model=self.entity, now_ms=self._behind.clock(), new_id=ObjectId)
        cast = new_document(self.model.schema, {**entry, "hash": BEGINNING}, making)
        return {**cast, "hash": hash_of(cast)}

    async def find_by_target(
        self, kind: str, identifier: str, *, session: Transaction | None = None
    ) -> list[Document]:
        """Return what was done to something, the newest first."""
        condition = {"target.type": kind, "target.id": identifier}
        return await self.find(condition, sort="-createdAt -seq", session=session)

    async def first_broken(self, chain: str, *, session: Transaction | None = None) -> int | None:
        """Return the place of the first entry of a chain that does not follow from those before, None for a whole chain."""
        expected, before = 0, BEGINNING
        for entry in await self.find({"chainKey": chain}, sort="seq", session=session):
            follows = entry["seq"] == expected and entry["prevHash"] == before
            if not follows or entry["hash"] != hash_of(entry):
                return expected
            expected, before = expected + 1, entry["hash"]
        return None


def hash_of(entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry: of its values, whatever the order of its fields."""
    covered = {name: value for name, value in entry.items() if name not in ADDED_LATER}
    text = json_util.dumps(covered, json_options=json_util.CANONICAL_JSON_OPTIONS, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
