"""Commands by name: who answers each, within which time, and what a driver is told when it is not done."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from struct import error as StructError  # noqa: N812 - the library's own name says nothing
from typing import Any, Final

import bson
import structlog
from bson.errors import BSONError

from adapters.gateway import ConflictError, Gateway
from comparators.canonical import CODEC
from comparators.errors import CapacityError, ParallaxError, UnreachableError
from proxy.request import KINDS, Request, read_request
from proxy.serving.asked import Asked, clock_ms
from proxy.serving.availability import Availability
from proxy.serving.client import Client
from proxy.serving.clock import ClusterClock, gossip
from proxy.serving.cursors import Cursors
from proxy.serving.diagnostics import DIAGNOSTICS
from proxy.serving.greeting import greeting, introduce
from proxy.serving.identity import Identity
from proxy.serving.login import Login
from proxy.serving.operations import Operations
from proxy.serving.reading_on import killed_of, more_of
from proxy.serving.refusals import (
    BAD_VALUE,
    COMMAND_NOT_FOUND,
    COMMAND_NOT_SUPPORTED,
    EXCEEDED_MEMORY_LIMIT,
    INTERNAL_ERROR,
    MAX_TIME_EXPIRED,
    RETRYABLE,
    RETRYABLE_CODES,
    TRANSIENT,
    TRANSIENT_CODES,
    UNAUTHORIZED,
    UNKNOWN_COMMIT,
    RefusalError,
    away,
    refusal,
)
from proxy.serving.refused import REFUSED
from proxy.serving.retries import Retries
from proxy.serving.spans import tell
from proxy.serving.transactions import Transactions, conflict
from proxy.serving.users import Users
from proxy.tracing.context import parent_of
from proxy.tracing.exemplar import named_by
from proxy.tracing.served import Served

_log = structlog.get_logger()

HELLO: Final = frozenset({"hello", "isMaster", "ismaster"})
ALONE: Final = frozenset(
    {
        "abortTransaction",
        "commitTransaction",
        "endSessions",
        "getMore",
        "killCursors",
        "killSessions",
        "listDatabases",
        "logout",
        "refreshSessions",
        "saslContinue",
        "saslStart",
    }
)
"""Commands about cursors, sessions and databases, beside the operations on data."""
BEFORE_LOGIN: Final = HELLO | {
    "buildInfo",
    "buildinfo",
    "connectionStatus",
    "logout",
    "ping",
    "saslContinue",
    "saslStart",
    "whatsmyuri",
}
LOGIN: Final = frozenset({"logout", "saslContinue", "saslStart"})
"""They go by what is known of users already, so that PostgreSQL may be away."""
SERVED: Final = HELLO | ALONE | KINDS.keys() | DIAGNOSTICS.keys()
ENDING: Final = frozenset({"commitTransaction", "abortTransaction"})
MALFORMED: Final = (ValueError, KeyError, TypeError, BSONError, StructError, IndexError)
"""What reading a message raises when it is none."""

Handler = Callable[[Asked], Awaitable[dict[str, Any]]]
Answered = Callable[[str, int | None, float], None]
"""Told the name of every command that was answered, the code of its refusal, None where it has none, and the seconds."""
UNKNOWN: Final = "unknown"
"""What a command is called that nobody knows, so that labels stay few."""


def nobody(_name: str, _code: int | None, _seconds: float) -> None:
    """Tell nobody of an answer."""


class Commands:
    """Answers every command of every client."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        availability: Availability,
        cursors: Cursors,
        retries: Retries,
        transactions: Transactions,
        users: Users,
        identity: Callable[[], Identity],
        advertise: str,
        answered: Answered,
        spans: Served | None = None,
    ) -> None:
        self._spans = spans
        self._answered = answered
        self._users = users
        self._login = Login(users)
        self._availability = availability
        self._cursors = cursors
        self._retries = retries
        self._transactions = transactions
        self._operations = Operations(
            gateway=gateway, cursors=cursors, retries=retries, transactions=transactions
        )
        self._gateway = gateway
        self._identity = identity
        self._advertise = advertise
        self._clock = ClusterClock()
        self._handlers: Final[Mapping[str, Handler]] = {
            **dict.fromkeys(HELLO, self._hello),
            **dict.fromkeys(KINDS, self._operations.run),
            **dict.fromkeys(DIAGNOSTICS, _diagnosed),
            "getMore": self._get_more,
            "killCursors": self._kill_cursors,
            "commitTransaction": self._commit,
            "abortTransaction": self._abort,
            "endSessions": self._end_sessions,
            "refreshSessions": _noted,
            "killSessions": self._end_sessions,
            "listDatabases": self._list_databases,
            "saslStart": self._sasl_start,
            "saslContinue": self._sasl_continue,
            "logout": self._logout,
        }

    async def answer(self, message: bytes, client: Client) -> bytes:
        """Return the reply to a command as BSON, whatever becomes of it; ValueError for what is none."""
        try:
            request = read_request(message)
        except MALFORMED as error:
            raise ValueError(f"{type(error).__name__} in a command") from error
        self._clock.learn(request.command.get("$clusterTime"))
        asked = Asked(request=request, client=client, now_ms=clock_ms())
        began = monotonic()
        try:
            reply = await self._handled(asked)
        except RefusalError as error:
            reply = _labelled(request, refusal(error), error.labels)
        except Exception as error:  # noqa: BLE001 - the door of one command
            _log.error(
                "serving_failed",
                kind=request.name,
                error=frames_of(error),
                **named_by(parent_of(request.command.get("comment"))),
            )
            reply = refusal(
                RefusalError(INTERNAL_ERROR, "an error inside of Parallax, see its log")
            )
        else:
            if not reply.get("ok"):
                reply = _labelled(request, reply, ())
        known = request.name if request.name in SERVED else UNKNOWN
        took_s = monotonic() - began
        self._answered(known, reply.get("code"), took_s)
        if self._spans is not None:
            tell(self._spans, request, reply, took_s)
        if self._identity().gossips:
            reply = {**reply, **gossip(self._clock.tick())}
        return bson.encode(reply, codec_options=CODEC)

    async def _handled(self, asked: Asked) -> dict[str, Any]:
        name = asked.request.name
        handler = self._handlers.get(name)
        if handler is None:
            if name in REFUSED:
                raise RefusalError(
                    COMMAND_NOT_SUPPORTED, f"Parallax does not support: command {name}"
                )
            raise RefusalError(COMMAND_NOT_FOUND, f"no such command: '{name}'")
        if self._users.are_required and not asked.client.user and name not in BEFORE_LOGIN:
            raise RefusalError(UNAUTHORIZED, f"command {name} requires authentication")
        if name in HELLO or name in LOGIN or name in DIAGNOSTICS:
            return await handler(asked)
        if self._availability.is_away:
            raise away(self._availability.reason)
        return await self._within_time(handler, asked)

    async def _within_time(self, handler: Handler, asked: Asked) -> dict[str, Any]:
        try:
            async with asyncio.timeout(asked.time_limit_s) as limit:
                with self._availability.ending(limit):
                    return await handler(asked)
        except ConflictError as error:
            raise conflict() from error
        except UnreachableError as error:
            self._availability.lost(error.what)
            raise away(error.what) from error
        except TimeoutError as error:
            if self._availability.is_away:
                raise away(self._availability.reason) from error
            raise RefusalError(MAX_TIME_EXPIRED, "operation exceeded time limit") from error
        except CapacityError as error:
            raise RefusalError(EXCEEDED_MEMORY_LIMIT, error.what) from error
        except ParallaxError as error:
            _log.error(
                "serving_failed",
                kind=asked.request.name,
                error=error.what,
                **named_by(parent_of(asked.request.command.get("comment"))),
            )
            raise RefusalError(INTERNAL_ERROR, error.what) from error

    async def _hello(self, asked: Asked) -> dict[str, Any]:
        introduce(asked)
        greeted = greeting(
            asked,
            identity=self._identity(),
            address=self._advertise or asked.client.reached,
            now=self._clock.tick(),
            is_away=self._availability.is_away,
        )
        return {**greeted, **self._login.greeted(asked)}

    async def _sasl_start(self, asked: Asked) -> dict[str, Any]:
        return {**self._login.start(asked.client, asked.command), "ok": 1.0}

    async def _sasl_continue(self, asked: Asked) -> dict[str, Any]:
        return {**self._login.go_on(asked.client, asked.command), "ok": 1.0}

    async def _logout(self, asked: Asked) -> dict[str, Any]:
        asked.client.user = ""
        return {"ok": 1.0}

    async def _get_more(self, asked: Asked) -> dict[str, Any]:
        session = asked.request.session
        if session is not None and session.in_transaction:
            await self._transactions.touch(session)
        return more_of(self._cursors, asked)

    async def _kill_cursors(self, asked: Asked) -> dict[str, Any]:
        return killed_of(self._cursors, asked)

    async def _commit(self, asked: Asked) -> dict[str, Any]:
        session = _in_transaction(asked)
        await self._transactions.commit(session, self._operations.mark(asked, session, ""))
        return {"ok": 1.0}

    async def _abort(self, asked: Asked) -> dict[str, Any]:
        await self._transactions.abort(_in_transaction(asked))
        return {"ok": 1.0}

    async def _end_sessions(self, asked: Asked) -> dict[str, Any]:
        for lsid in asked.command[asked.request.name]:
            if isinstance(lsid, Mapping) and "id" in lsid:
                key = bytes(lsid["id"])
                await self._transactions.abandon(key)
                self._cursors.kill_of_session((asked.client.user, key))
                self._retries.ended(asked.client.user, key)
        return {"ok": 1.0}

    async def _list_databases(self, asked: Asked) -> dict[str, Any]:
        names = sorted({database for database, _ in await self._gateway.namespaces()})
        if asked.command.get("filter"):
            raise RefusalError(
                COMMAND_NOT_SUPPORTED, "Parallax does not support: option filter of listDatabases"
            )
        if asked.command.get("nameOnly"):
            return {"databases": [{"name": name} for name in names], "ok": 1.0}
        listed = [{"name": name, "sizeOnDisk": 0, "empty": False} for name in names]
        return {"databases": listed, "totalSize": 0, "totalSizeMb": 0, "ok": 1.0}


async def _diagnosed(asked: Asked) -> dict[str, Any]:
    return DIAGNOSTICS[asked.request.name](asked)


async def _noted(_: Asked) -> dict[str, Any]:
    return {"ok": 1.0}


def _in_transaction(asked: Asked) -> Any:
    session = asked.request.session
    if asked.request.database != "admin":
        raise RefusalError(
            UNAUTHORIZED, f"{asked.request.name} may only be run against the admin database."
        )
    if session is None or session.number is None or not session.in_transaction:
        raise RefusalError(BAD_VALUE, f"{asked.request.name} must be run within a transaction")
    return session


def _labelled(request: Request, reply: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    """Return a refusal with the labels by which a driver knows that it may try again, and what."""
    code, session = reply["code"], request.session
    found = set(labels)
    if session is not None and session.number is not None:
        is_commit = request.name == "commitTransaction"
        if code in RETRYABLE_CODES and (request.name in ENDING or not session.in_transaction):
            found.add(RETRYABLE)
            found |= {UNKNOWN_COMMIT} if is_commit else set()
        elif code == MAX_TIME_EXPIRED and is_commit:
            found.add(UNKNOWN_COMMIT)
        elif code in TRANSIENT_CODES and session.in_transaction:
            found.add(TRANSIENT)
    return {"errorLabels": sorted(found), **reply} if found else reply


def frames_of(error: Exception) -> str:
    """Return an error without its text, which may quote values."""
    places = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + ", ".join(f"{p.filename}:{p.lineno}" for p in places)


def monotonic() -> float:
    """Return the clock that limits are measured by."""
    return time.monotonic()
