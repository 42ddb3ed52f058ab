"""Sign-up, login, sessions and small changes of an account."""

from collections.abc import Mapping
from datetime import timedelta
from re import IGNORECASE, escape
from re import compile as regex
from typing import Final

from bson.regex import Regex
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from proxy.jobs.workload.flow import Database, Flow, Step
from proxy.jobs.workload.person import Person

SESSION_LASTS: Final = timedelta(days=7)
FIRST_CREDITS: Final = 20_000.0
_PLUGINS: Final = "calculator browser wolfram dalle traversaal".split()
_MOST_SESSIONS: Final = 4


class AccountTakenError(Exception):
    """The database let two accounts have one e-mail address, or named the wrong field."""


class Accounts(Flow):
    """The people themselves."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._users = database["users"]
        self._sessions = database["sessions"]
        self._tokens = database["tokens"]

    def steps(self) -> Mapping[Step, int]:
        return {
            self.log_in: 3,
            self.refresh: 4,
            self.log_out: 1,
            self.sign_up_again: 2,
            self.change_settings: 2,
            self.look_up_people: 2,
            self.verify_address: 1,
        }

    async def sign_up(self, person: Person) -> None:
        """Make the account and its balance."""
        taken = await self._users.find_one({"email": person.email}, {"_id": 1})
        if taken is not None:
            raise AccountTakenError("a new address is taken already")
        await self._users.insert_one(self._account(person))
        await self.database["balances"].find_one_and_update(
            {"user": person.id},
            {
                "$setOnInsert": {
                    "tokenCredits": FIRST_CREDITS,
                    "autoRefillEnabled": person.happens(0.5),
                    "refillIntervalValue": 30,
                    "refillIntervalUnit": "days",
                    "lastRefill": person.now(),
                    "refillAmount": 0,
                }
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        await self.log_in(person)

    def _account(self, person: Person) -> dict[str, object]:
        now = person.now()
        account: dict[str, object] = {
            "_id": person.id,
            "name": person.name,
            "username": person.email.split("@", maxsplit=1)[0],
            "email": person.email,
            "emailVerified": False,
            "password": f"$2a$10${person.token()[:53]}",
            "avatar": None,
            "provider": "local",
            "role": "ADMIN" if person.happens(0.1) else "USER",
            "plugins": [],
            "twoFactorEnabled": False,
            "backupCodes": [
                {"codeHash": person.token(), "used": False, "usedAt": None} for _ in range(3)
            ],
            "refreshToken": [],
            "termsAccepted": False,
            "personalization": {"memories": True},
            "favorites": [],
            "createdAt": now,
            "updatedAt": now,
            "__v": 0,
        }
        if person.happens(0.3):
            account["googleId"] = str(person.random.randrange(10**20, 10**21))
        return account

    async def sign_up_again(self, person: Person) -> None:
        """Try to take one's own address a second time: the unique index must say no."""
        again = {**self._account(person), "_id": person.object_id()}
        try:
            await self._users.insert_one(again)
        except DuplicateKeyError as error:
            pattern = (error.details or {}).get("keyPattern", {})
            if set(pattern) - {"email", "googleId"}:
                raise AccountTakenError(f"refused for {pattern}") from error
        else:
            raise AccountTakenError("two accounts with one address")

    async def log_in(self, person: Person) -> None:
        """Open a session; the oldest one goes when there are too many."""
        found = await self._users.find_one(
            {"email": Regex(f"^{escape(person.email)}$", IGNORECASE)},
            {"password": 1, "role": 1, "twoFactorEnabled": 1},
        )
        if found is None:
            raise AccountTakenError("an account that was made is gone")
        now, token = person.now(), person.token()
        await self._sessions.insert_one(
            {
                "_id": person.object_id(),
                "refreshTokenHash": token,
                "expiration": now + SESSION_LASTS,
                "user": person.id,
                "__v": 0,
            }
        )
        person.sessions.append(token)
        await self._users.update_one(
            {"_id": person.id},
            {
                "$set": {"updatedAt": now, "lastLoginAtMs": now.timestamp() * 1000},
                "$push": {"refreshToken": {"$each": [{"refreshToken": token}], "$slice": -3}},
            },
        )
        if len(person.sessions) > _MOST_SESSIONS:
            await self.log_out(person)

    async def refresh(self, person: Person) -> None:
        """Exchange a refresh token for a new one."""
        if not person.sessions:
            await self.log_in(person)
            return
        old, new, now = person.sessions.pop(0), person.token(), person.now()
        await self._sessions.find_one_and_update(
            {"user": person.id, "refreshTokenHash": old, "expiration": {"$gt": now}},
            {"$set": {"refreshTokenHash": new, "expiration": now + SESSION_LASTS}},
            return_document=ReturnDocument.AFTER,
        )
        person.sessions.append(new)
        await self._sessions.count_documents({"user": person.id, "expiration": {"$gt": now}})

    async def log_out(self, person: Person) -> None:
        """End the oldest session."""
        if person.sessions:
            token = person.sessions.pop(0)
            await self._sessions.delete_one({"user": person.id, "refreshTokenHash": token})
            await self._users.update_one(
                {"_id": person.id}, {"$pull": {"refreshToken": {"refreshToken": token}}}
            )

    async def change_settings(self, person: Person) -> None:
        """Change what an account page offers, several operators at a time."""
        chosen = person.some_of(_PLUGINS, 3)
        await self._users.update_one(
            {"_id": person.id},
            {
                "$set": {
                    "personalization.memories": person.happens(0.5),
                    "termsAccepted": True,
                    "updatedAt": person.now(),
                },
                "$addToSet": {"plugins": {"$each": chosen}},
                "$unset": {"totpSecret": ""},
            },
        )
        await self._users.update_one(
            {"_id": person.id, "backupCodes": {"$elemMatch": {"used": False}}},
            {"$set": {"backupCodes.$.used": True, "backupCodes.$.usedAt": person.now()}},
        )
        await self._users.update_one(
            {"_id": person.id}, {"$pullAll": {"plugins": person.some_of(_PLUGINS, 2)}}
        )
        await self._users.find_one({"_id": person.id}, {"password": 0, "backupCodes.codeHash": 0})

    async def look_up_people(self, person: Person) -> None:
        """Search people as a share dialog does: by the beginning of a name, a few at a time."""
        pattern = regex(f"^{person.name[:2]}", IGNORECASE)
        await (
            self._users.find(
                {"$or": [{"name": pattern}, {"username": pattern}, {"idOnTheSource": person.user}]},
                {"name": 1, "email": 1, "role": 1},
            )
            .sort([("name", 1), ("_id", 1)])
            .limit(10)
            .to_list()
        )
        await self._users.find(
            {"role": {"$ne": "ADMIN"}, "twoFactorEnabled": {"$nin": [None, True]}}, {"email": 1}
        ).to_list()

    async def verify_address(self, person: Person) -> None:
        """Send a link that is good for a day, and follow it."""
        now, token = person.now(), person.token()
        await self._tokens.insert_one(
            {
                "_id": person.object_id(),
                "userId": person.id,
                "email": person.email,
                "type": "verify",
                "token": token,
                "createdAt": now,
                "expiresAt": now + timedelta(days=1),
                "metadata": {"attempts": 0, "": "an empty name is a name"},
                "__v": 0,
            }
        )
        await self._tokens.find_one(
            {"userId": person.id, "token": token, "type": {"$in": ["verify", "invite"]}}
        )
        await self._users.update_one({"_id": person.id}, {"$set": {"emailVerified": True}})
        await self._tokens.delete_many({"userId": person.id, "type": "verify"})
