"""The indexes that the application makes at every start, as its models declare them."""

from collections.abc import Mapping, Sequence
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from proxy.jobs.workload.flow import Database

_A, _D = ASCENDING, DESCENDING

INDEXES: Final[Mapping[str, Sequence[IndexModel]]] = {
    "users": [
        IndexModel([("email", _A)], unique=True),
        IndexModel(
            [("googleId", _A)], unique=True, partialFilterExpression={"googleId": {"$exists": True}}
        ),
        IndexModel([("expiresAt", _A)], expireAfterSeconds=604_800),
        IndexModel([("idOnTheSource", _A)], sparse=True),
        IndexModel([("role", _A)]),
    ],
    "sessions": [
        IndexModel([("expiration", _A)], expireAfterSeconds=0),
        IndexModel([("user", _A), ("refreshTokenHash", _A)], unique=True),
    ],
    "tokens": [
        IndexModel([("expiresAt", _A)], expireAfterSeconds=0),
        IndexModel([("userId", _A), ("type", _A)]),
    ],
    "conversations": [
        IndexModel([("conversationId", _A), ("user", _A)], unique=True),
        IndexModel([("user", _A), ("updatedAt", _D)]),
        IndexModel([("expiredAt", _A)], expireAfterSeconds=0),
        IndexModel([("tags", _A)]),
    ],
    "messages": [
        IndexModel([("messageId", _A), ("user", _A)], unique=True),
        IndexModel([("conversationId", _A), ("createdAt", _A)]),
        IndexModel([("expiredAt", _A)], expireAfterSeconds=0),
    ],
    "conversationtags": [IndexModel([("tag", _A), ("user", _A)], unique=True)],
    "sharedlinks": [
        IndexModel([("shareId", _A)], unique=True),
        IndexModel([("user", _A), ("conversationId", _A)]),
    ],
    "files": [
        IndexModel([("file_id", _A)], unique=True),
        IndexModel([("user", _A), ("createdAt", _D)]),
        IndexModel([("expiresAt", _A)], expireAfterSeconds=3600),
    ],
    "balances": [IndexModel([("user", _A)], unique=True)],
    "transactions": [IndexModel([("user", _A)]), IndexModel([("model", _A)])],
    "presets": [
        IndexModel([("presetId", _A)], unique=True),
        IndexModel([("user", _A), ("order", _A)], sparse=True),
    ],
    "agents": [
        IndexModel([("id", _A)], unique=True),
        IndexModel([("updatedAt", _D), ("_id", _A)]),
    ],
    "promptgroups": [
        IndexModel([("numberOfGenerations", _D), ("updatedAt", _D), ("_id", _A)]),
        IndexModel([("author", _A)]),
    ],
    "prompts": [IndexModel([("groupId", _A)])],
    "aclentries": [
        IndexModel(
            [
                ("principalId", _A),
                ("principalType", _A),
                ("resourceType", _A),
                ("resourceId", _A),
            ],
            unique=True,
        ),
        IndexModel([("resourceId", _A)]),
    ],
    "queuedturns": [
        IndexModel(
            [("user", _A), ("activeSlot", _A)],
            name="active_capacity",
            unique=True,
            partialFilterExpression={"activeSlot": {"$exists": True}},
        ),
        IndexModel([("conversationId", _A), ("sequence", _A)]),
    ],
}


async def create_indexes(database: Database) -> None:
    """Make every index; those that are there already stay as they are."""
    for name, models in INDEXES.items():
        await database[name].create_indexes(list(models))
