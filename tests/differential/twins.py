"""The same operation on a real mongod and on the gateway, with both answers as outcomes."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase

from adapters.database import Database
from adapters.gateway import Generated
from adapters.mongodb.commands import COMMANDS
from comparators.canonical import CODEC, decode, document_key, encode
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Result,
    Values,
    WriteError,
)

RAW: Final = CodecOptions(
    document_class=RawBSONDocument,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    unicode_decode_error_handler="replace",
)
REPLIES: Final = CODEC.with_options(unicode_decode_error_handler="replace")
"""A message of the server may be cut inside of a character."""
NOW_MS: Final = 1_700_000_000_000
CLOCK: Final = re.compile(r"\$\$NOW|\$currentDate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What both sides gave; `gateway` is a text that names what is not supported."""

    legacy: Result
    gateway: Result | str
    alternatives: tuple[Any, ...] = ()
    """Documents that the gateway might have written instead of the one it chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """One collection on both sides."""

    mongo: AsyncDatabase[dict[str, Any]]
    gateway: Database
    collection: str

    async def run(self, kind: Kind, **arguments: Any) -> tuple[Result, Result | str]:
        """Return both results; of an operation the gateway does not support, what it names."""
        answers = await self.answers(kind, arguments)
        return answers.legacy, answers.gateway

    async def answers(self, kind: Kind, arguments: Mapping[str, Any]) -> Answers:
        """Run an operation on both sides."""
        # What both sides are given is what the wire would carry: a Python int has a width there.
        arguments = decode(encode(dict(arguments)))
        before_ms = _clock_ms()
        legacy = await self.legacy(kind, arguments)
        now_ms = await self._now_of(arguments, legacy, before_ms)
        generated = Generated(now_ms=now_ms, upserted=_upserted(legacy))
        try:
            outcome = await self.gateway.run(self._operation(kind, arguments), generated=generated)
        except UnsupportedError as unsupported:
            return Answers(legacy=legacy, gateway=unsupported.what)
        return Answers(legacy=legacy, gateway=outcome.result, alternatives=outcome.alternatives)

    async def ask(self, kind: Kind, arguments: Mapping[str, Any]) -> Result | str:
        """Return what the gateway alone answers."""
        operation = self._operation(kind, decode(encode(dict(arguments))))
        try:
            outcome = await self.gateway.run(operation, generated=Generated(now_ms=NOW_MS))
        except UnsupportedError as unsupported:
            return unsupported.what
        return outcome.result

    def _operation(self, kind: Kind, arguments: Mapping[str, Any]) -> Operation:
        return Operation(
            database="twin", collection=self.collection, kind=kind, arguments=arguments
        )

    async def legacy(self, kind: Kind, arguments: Mapping[str, Any]) -> Result:
        """Return what mongod answers."""
        command = {COMMANDS[kind]: self.collection, **arguments}
        if kind is Kind.AGGREGATE:
            command["cursor"] = {"batchSize": 100_000}
        if kind is Kind.FIND and "batchSize" not in command:
            command["batchSize"] = 100_000
        reply = await self.mongo.command(command, check=False, codec_options=RAW)
        return _result(kind, bson.decode(reply.raw, REPLIES), reply)

    async def _now_of(self, arguments: Mapping[str, Any], legacy: Result, before_ms: int) -> int:
        """Return the time by which mongod answered, as its answer or its documents tell it."""
        if not CLOCK.search(repr(arguments)):
            return NOW_MS
        answers = legacy.documents if isinstance(legacy, Documents) else ()
        stored = await self.legacy(Kind.FIND, {"filter": {}})
        assert isinstance(stored, Documents)
        seen = [at for raw in (*answers, *stored.documents) for at in _dates(decode(raw))]
        during = [at for at in seen if before_ms <= at <= _clock_ms()]
        return max(during, default=before_ms)

    async def hides(self, query: Mapping[str, Any]) -> bool:
        """Return whether mongod finds more without its indexes than with them."""
        seen = await self.legacy(Kind.FIND, {"filter": query})
        there = await self.legacy(Kind.FIND, {"filter": query, "hint": {"$natural": 1}})
        if not (isinstance(seen, Documents) and isinstance(there, Documents)):
            return False
        return set(seen.documents) < set(there.documents)

    async def documents(self) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return all documents of both sides as raw BSON by key."""
        legacy = await self.legacy(Kind.FIND, {"filter": {}})
        gateway = await self.ask(Kind.FIND, {"filter": {}})
        assert isinstance(legacy, Documents)
        assert isinstance(gateway, Documents)
        return _by_key(legacy), _by_key(gateway)


def same(kind: Kind, arguments: Mapping[str, Any], legacy: Result, gateway: Result) -> bool:
    """Return whether two results are equal, as far as the operation fixes them."""
    if isinstance(legacy, Values) and isinstance(gateway, Values):
        owed, given = (
            sorted(document_key(each) for each in side.values if each not in gateway.optional)
            for side in (legacy, gateway)
        )
        return owed == given
    if isinstance(legacy, Documents) and isinstance(gateway, Documents):
        if kind in {Kind.FIND, Kind.AGGREGATE} and not arguments.get("sort"):
            return sorted(legacy.documents) == sorted(gateway.documents)
        return legacy.documents == gateway.documents
    return legacy == gateway


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _dates(value: Any) -> Iterator[int]:
    if isinstance(value, DatetimeMS):
        yield int(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _dates(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _dates(inner)


def _by_key(found: Documents) -> dict[bytes, bytes]:
    return {document_key(decode(raw)["_id"]): raw for raw in found.documents}


def _upserted(legacy: Result) -> dict[int, Any]:
    if isinstance(legacy, Acknowledgement):
        return dict(legacy.upserted)
    if isinstance(legacy, Modified) and legacy.upserted_id is not None:
        return {0: legacy.upserted_id}
    return {}


def _result(kind: Kind, reply: dict[str, Any], raw: RawBSONDocument) -> Result:
    if reply.get("ok") != 1:
        return Failure(
            code=reply["code"],
            code_name=reply["codeName"],
            key_pattern=reply.get("keyPattern"),
            key_value=reply.get("keyValue"),
        )
    match kind:
        case Kind.FIND | Kind.AGGREGATE | Kind.LIST_INDEXES:
            assert reply["cursor"]["id"] == 0
            batch = raw["cursor"]["firstBatch"]
            return Documents(documents=tuple(document.raw for document in batch))
        case Kind.COUNT:
            return Count(n=reply["n"])
        case Kind.DISTINCT:
            return Values(values=tuple(reply["values"]))
        case Kind.INSERT | Kind.UPDATE | Kind.DELETE:
            return Acknowledgement(
                n=reply["n"],
                modified=reply.get("nModified"),
                upserted=tuple((each["index"], each["_id"]) for each in reply.get("upserted", ())),
                errors=tuple(map(_write_error, reply.get("writeErrors", ()))),
            )
        case Kind.FIND_AND_MODIFY:
            return _modified(reply, raw)
        case _:
            return Done()


def _write_error(error: Mapping[str, Any]) -> WriteError:
    return WriteError(
        index=error["index"],
        code=error["code"],
        key_pattern=error.get("keyPattern"),
        key_value=error.get("keyValue"),
    )


def _modified(reply: dict[str, Any], raw: RawBSONDocument) -> Modified:
    value = raw["value"]
    about = reply["lastErrorObject"]
    return Modified(
        document=None if value is None else bytes(value.raw),
        n=about["n"],
        updated_existing=about.get("updatedExisting"),
        upserted_id=about.get("upserted"),
    )
