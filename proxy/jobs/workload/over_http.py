"""The same people on the HTTP API: they sign up, talk, read, correct, search and leave, as a client of it would."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Any, Final
from uuid import UUID

import aiohttp

from proxy.jobs.workload.messages import NO_PARENT
from proxy.jobs.workload.pace import Pace
from proxy.jobs.workload.person import Person, Thread, new_person
from proxy.jobs.workload.tally import CommandTally

_FINE: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})
_PAGE: Final = 5
_SEEN_AT_MOST: Final = 50
"""Pages that a person reads before they have enough."""

Document = dict[str, Any]


class UnexpectedAnswerError(Exception):
    """The API answered what the application does not expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpWorkload:
    """People who use the API at `uri` with a token; the same seed leads each through the same steps."""

    uri: str
    token: str
    users: int
    seed: int
    begin: datetime
    pace: Pace = field(default_factory=Pace)

    async def run(self, tally: CommandTally, *, until: Callable[[], bool]) -> None:
        """Go on until something holds; everyone finishes the step they are in."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(self.uri, headers=headers) as session,
            asyncio.TaskGroup() as people,
        ):
            for number in range(self.users):
                random = Random(f"{self.seed}:{number}")  # noqa: S311 - repeatable on purpose
                person = new_person(random, self.begin, number)
                visitor = _Visitor(session, tally, person)
                people.create_task(visitor.run(self.pace, until), name=f"person {number}")


class _Visitor:
    """One person, and what they do."""

    def __init__(self, session: aiohttp.ClientSession, tally: CommandTally, person: Person) -> None:
        self._session = session
        self._tally = tally
        self._person = person
        self._places: dict[str, str] = {}
        self._steps = {
            self.say: 6,
            self.read: 5,
            self.correct: 4,
            self.rate: 3,
            self.bring: 2,
            self.look: 2,
            self.search: 1,
            self.take_back: 1,
        }

    async def run(self, pace: Pace, until: Callable[[], bool]) -> None:
        """Sign up, and go on until something holds."""
        person = self._person
        await self._sign_up()
        steps, weights = list(self._steps), list(self._steps.values())
        while not until():
            await person.random.choices(steps, weights)[0](person.one_of(person.threads))
            await asyncio.sleep(person.random.uniform(0, 2) * pace.pause_s)

    async def _sign_up(self) -> None:
        person = self._person
        user = {"name": person.name, "email": person.email, "password": person.token()}
        made = await self._post("User", user)
        await self._post(
            "Balance", {"user": made["_id"], "tokenCredits": person.random.randint(1, 10**6)}
        )
        for _ in range(3):
            await self._begin()

    async def _begin(self) -> None:
        person = self._person
        thread = Thread(id=person.uuid())
        person.threads.append(thread)
        conversation = {
            "conversationId": thread.id,
            "user": person.user,
            "title": person.words(1, 5),
            "endpoint": "openAI",
        }
        made = await self._post("Conversation", conversation)
        self._places[thread.id] = f"/v1/Conversation/{made['_id']['$oid']}"

    async def say(self, thread: Thread) -> None:
        """Ask, be answered, and see the conversation at the top of the list."""
        for by_person in (True, False):
            await self._save(self._message(thread, by_person=by_person), thread)
        await self._call("PATCH", self._places[thread.id], {"title": self._person.words(1, 5)})

    async def read(self, thread: Thread) -> None:
        """Show a conversation page by page."""
        asked: Document = {"filter": self._own(thread), "sort": {"createdAt": 1}, "limit": _PAGE}
        for _ in range(_SEEN_AT_MOST):
            page = await self._call("POST", "/v1/Message/query", asked)
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]

    async def correct(self, thread: Thread) -> None:
        """Change the text of a message, as it was read."""
        if not thread.messages:
            await self.say(thread)
            return
        place = self._places[self._person.one_of(thread.messages)]
        async with self._session.get(place) as response:
            tag = response.headers["ETag"]
            await self._checked(response, "GET")
        await self._call("PATCH", place, {"text": self._person.words(5, 40)}, {"If-Match": tag})

    async def rate(self, thread: Thread) -> None:
        """Praise, blame, or count."""
        if not thread.messages:
            await self.say(thread)
            return
        person = self._person
        rating = person.one_of(["thumbsUp", "thumbsDown"])
        change = {
            "$set": {"feedback.rating": rating},
            "$inc": {"tokenCount": person.random.randint(1, 9)},
        }
        await self._call("PATCH", self._places[person.one_of(thread.messages)], change)

    async def bring(self, thread: Thread) -> None:
        """Bring several messages at once, all or none."""
        messages = [self._message(thread, by_person=False) for _ in range(4)]
        operations = [{"create": each} for each in messages]
        body = {"operations": operations, "atomic": self._person.happens(0.5)}
        done = await self._call("POST", "/v1/Message/batch", body)
        for message, result in zip(messages, done["results"], strict=True):
            self._keep(message["messageId"], result["document"], thread)

    async def look(self, thread: Thread) -> None:
        """Look at the figures, and at the newest conversations."""
        own = self._own(thread)
        await self._call("POST", "/v1/Message/count", {"filter": own})
        by_sender = {"_id": "$sender", "n": {"$sum": 1}, "tokens": {"$sum": "$tokenCount"}}
        pipeline = [{"$match": own}, {"$group": by_sender}, {"$sort": {"_id": 1}}]
        await self._call("POST", "/v1/Message/aggregate", {"pipeline": pipeline})
        newest = {"filter": {"user": self._person.user}, "sort": {"updatedAt": -1}, "limit": 10}
        await self._call("POST", "/v1/Conversation/query", {**newest, "total": True})

    async def search(self, _: Thread) -> None:
        """Look for a word in what one has written."""
        body = {"query": self._person.words(1, 1), "filter": {"user": self._person.user}}
        await self._call("POST", "/v1/Message/search", body)

    async def take_back(self, thread: Thread) -> None:
        """Delete the last messages, in a transaction that now and then is thought better of."""
        if len(thread.messages) < _PAGE:
            await self.say(thread)
            return
        begun = await self._call("POST", "/v1/transactions", {})
        inside = {"Transaction": begun["id"]}
        last = thread.messages[-2:]
        for each in last:
            await self._call("DELETE", self._places[each], None, inside)
        how = "commit" if self._person.happens(0.7) else "abort"
        await self._call("POST", f"/v1/transactions/{begun['id']}/{how}")
        if how == "commit":
            del thread.messages[-2:]

    def _message(self, thread: Thread, *, by_person: bool) -> Document:
        person = self._person
        return {
            "messageId": person.uuid(),
            "conversationId": thread.id,
            "user": person.user,
            "parentMessageId": thread.last or NO_PARENT,
            "sender": "User" if by_person else "gpt",
            "isCreatedByUser": by_person,
            "text": person.words(5, 80),
            "tokenCount": person.random.randint(5, 900),
            "metadata": {"at": {"$date": _iso(person.now())}, "cost": {"$numberDecimal": "0.10"}},
        }

    async def _save(self, message: Document, thread: Thread) -> None:
        key = {"Idempotency-Key": str(UUID(message["messageId"]))}
        made = await self._call("POST", "/v1/Message", message, key)
        self._keep(message["messageId"], made, thread)

    def _keep(self, identifier: str, made: Document, thread: Thread) -> None:
        thread.messages.append(identifier)
        self._places[identifier] = f"/v1/Message/{made['_id']['$oid']}"

    def _own(self, thread: Thread) -> Document:
        return {"conversationId": thread.id, "user": self._person.user}

    async def _post(self, entity: str, document: Document) -> Document:
        made: Document = await self._call("POST", f"/v1/{entity}", document)
        return made

    async def _call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        async with self._session.request(method, path, json=body, headers=headers) as response:
            return await self._checked(response, method)

    async def _checked(self, response: aiohttp.ClientResponse, method: str) -> Any:
        if response.status not in _FINE:
            text = await response.text()
            raise UnexpectedAnswerError(f"{method} {response.url.path}: {response.status} {text}")
        self._tally.answers[method] += 1
        return await response.json() if response.status != HTTPStatus.NO_CONTENT else None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
