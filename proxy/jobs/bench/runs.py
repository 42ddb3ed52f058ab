"""Run the operations of a benchmark on one target, through PyMongo as an application would."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

from comparators.errors import UnreachableError
from proxy.jobs.bench.operations import Unit, decoded

_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
"""Answers are not decoded but for what tells whether they failed: decoding costs the same everywhere, and hides what differs."""


class Runs:
    """Operations, ready to be sent through one client."""

    def __init__(
        self, client: AsyncMongoClient[Any], units: Sequence[Unit], *, target: str
    ) -> None:
        self._client = client
        self._target = target
        self._units = [
            (unit.in_transaction, [decoded(command) for command in unit.commands]) for unit in units
        ]

    async def run(self, number: int) -> str | None:
        """Run an operation to its end; return what failed. UnreachableError once the target is gone."""
        in_transaction, commands = self._units[number % len(self._units)]
        try:
            if in_transaction:
                return await self._transaction(commands)
            return await self._command(commands[0], None)
        except ServerSelectionTimeoutError as error:
            # Each further operation would wait as long.
            raise UnreachableError(
                "the target has gone while it was measured",
                where=self._target,
                remedy="see whether it still runs, and measure again",
            ) from error
        except PyMongoError as error:
            return type(error).__name__

    async def _transaction(self, commands: Sequence[Mapping[str, Any]]) -> str | None:
        async with self._client.start_session() as session:
            await session.start_transaction()
            for command in commands:
                failure = await self._command(command, session)
                if failure is not None:
                    await session.abort_transaction()
                    return failure
            await session.commit_transaction()
        return None

    async def _command(
        self, command: Mapping[str, Any], session: AsyncClientSession | None
    ) -> str | None:
        # The driver adds to what it is given.
        asked = dict(command)
        database = self._client[asked.pop("$db")]
        reply = await database.command(asked, check=False, codec_options=_RAW, session=session)
        failure = failure_of(reply)
        while failure is None and (cursor := _cursor_of(reply)):
            more = {"getMore": cursor, "collection": next(iter(asked.values()))}
            reply = await database.command(more, check=False, codec_options=_RAW, session=session)
            failure = failure_of(reply)
        return failure


def failure_of(reply: Mapping[str, Any]) -> str | None:
    """Return the code with which a command or its first statement failed."""
    if not reply["ok"]:
        return f"code {reply.get('code', 0)}"
    errors = reply.get("writeErrors")
    return f"code {errors[0]['code']}" if errors else None


def _cursor_of(reply: Mapping[str, Any]) -> Any:
    cursor = reply.get("cursor")
    return cursor["id"] if isinstance(cursor, Mapping) else None
