"""Real Mongoose and our models, given the same calls: what they answer, refuse and store is compared.

Both work on databases of one server. Identifiers that a side makes up are replaced by the order in which they first appear,
readings of the clock by one word.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import bson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId
from pymongo.asynchronous.database import AsyncDatabase

from adapters.mongoose.bulk import Written
from adapters.mongoose.errors import (
    CastError,
    ModelError,
    ServerError,
    StrictModeError,
    ValidationError,
)
from adapters.mongoose.javascript import INT32
from adapters.mongoose.model import Model
from adapters.mongoose.models import Models
from comparators.canonical import CODEC
from comparators.errors import UnsupportedError
from comparators.outcome import Acknowledgement
from tests.e2e.node_runs import NODE, logging_to

GENERATED_AFTER_MS: Final = 1_767_225_600_000
"""Dates in calls lie before 2026; what lies behind was read from a clock."""
GIVEN_TEXTS: Final = frozenset({"7467a379-cc73-48a7-a12f-6cc9c272c2c9"})
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
LATEST: Final = 25
"""How many documents are compared after each call: the latest ones."""
LINE_BYTES: Final = 2**24
ANSWER_WITHIN_S: Final = 30

Call = dict[str, Any]
Said = dict[str, Any]

_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    datetime_representation=json_util.DatetimeRepresentation.NUMBERLONG,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A call of which the two sides made something different."""

    call: Call
    what: str
    mongoose: Any
    ours: Any

    def __str__(self) -> str:
        given = json_util.dumps(self.call)[:2000]
        return (
            f"{self.what}\n  call     {given}\n  mongoose {self.mongoose}\n  ours     {self.ours}"
        )


class Mongoose:
    """A Node process that does calls one after another."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def answers(self, calls: Sequence[Call]) -> list[Said]:
        """Do calls in their order."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        async with asyncio.timeout(ANSWER_WITHIN_S):
            stdin.writelines(
                json_util.dumps(_sent(call), json_options=_JSON).encode() + b"\n" for call in calls
            )
            await stdin.drain()
            return [json_util.loads(await stdout.readline(), json_options=_JSON) for _ in calls]


@asynccontextmanager
async def mongoose(uri: str, database: str, module: str, *, logs: Path) -> AsyncIterator[Mongoose]:
    """Start Mongoose with the models that a module makes; what they log goes into a folder."""
    node = shutil.which("node")
    assert node is not None, "the end-to-end tests need Node"
    process = await asyncio.create_subprocess_exec(
        node,
        "models.mjs",
        uri,
        database,
        module,
        cwd=NODE,
        env=logging_to(logs),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield Mongoose(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@dataclass(kw_only=True)
class Twins:
    """Both sides, with how much they were asked."""

    mongoose: Mongoose
    models: Models
    database: AsyncDatabase[dict[str, Any]]
    calls: int = 0
    refused: int = 0
    differences: list[Difference] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    _sides: "tuple[Normalised, Normalised]" = field(
        default_factory=lambda: (Normalised(), Normalised())
    )

    def totals(self) -> str:
        """Say how much was compared."""
        return (
            f"{len(self.asked)} models, {self.calls} calls, {self.refused} refused, "
            f"{len(self.differences)} differences"
        )

    async def compare(self, calls: Sequence[Call]) -> None:
        """Do calls on both sides; what differs is collected."""
        async with asyncio.TaskGroup() as tasks:
            theirs = tasks.create_task(self.mongoose.answers(calls), name="mongoose")
            ours = tasks.create_task(self._ours(calls), name="ours")
        given = {found for call in calls for found in _identifiers(call)}
        one, other = self._sides[0].given(given), self._sides[1].given(given)
        for call, said, answered in zip(calls, theirs.result(), ours.result(), strict=True):
            self.calls += 1
            self.asked.add(call["model"])
            self.refused += "error" in said
            self._judge(call, said, answered, one, other)

    async def _ours(self, calls: Sequence[Call]) -> list[Said]:
        answers = []
        for call in calls:
            model = self.models[call["model"]]
            said = await answer(model, call, self.database)
            collection = self.database[model.schema.collection].with_options(_TYPED)
            stored = await collection.find({}).sort("$natural", -1).limit(LATEST).to_list()
            answers.append({**said, "stored": stored})
        return answers

    def _judge(self, call: Call, theirs: Said, ours: Said, one: Any, other: Any) -> None:
        for said in (theirs, ours):
            if "errors" in said.get("error", {}):
                said["error"]["errors"] = dict(sorted(said["error"]["errors"].items()))
        message = theirs.get("error", {}).pop("message", "")
        for what in ("error", "result", "stored"):
            expected, found = one.of(call, what, theirs), other.of(call, what, ours)
            if what == "result":
                expected, found = _loose(expected), _loose(found)
                if call.get("lean") is False:
                    expected, found = _unordered(expected), _unordered(found)
            if _bytes(expected) != _bytes(found):
                place, one_side, other_side = _apart(expected, found)
                self.differences.append(
                    Difference(
                        call=call,
                        what=f"{what}{place} {message[:300]}",
                        mongoose=one_side,
                        ours=other_side,
                    )
                )
                return


_TYPED: Final[CodecOptions[dict[str, Any]]] = CODEC


def _bytes(value: Any) -> bytes:
    return bson.encode({"": value}, codec_options=CODEC)


def _loose(value: Any) -> Any:
    """Return a result with numbers as JavaScript has them: which type they have over the wire is seen in what is stored."""
    match value:
        case bool():
            return value
        case int() | float():
            return float(value)
        case dict():
            return {name: _loose(item) for name, item in value.items()}
        case list():
            return [_loose(item) for item in value]
        case _:
            return value


def _unordered(value: Any) -> Any:
    """Return a value with its fields sorted: defaults of what is not stored have no place among what is."""
    match value:
        case dict():
            return {name: _unordered(value[name]) for name in sorted(value)}
        case list():
            return [_unordered(item) for item in value]
        case _:
            return value


def _apart(one: Any, other: Any, place: str = "") -> tuple[str, Any, Any]:
    """Return where two values differ first, and the values there."""
    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            return (
                place,
                f"{[n for n in one if n not in other]} {list(one)[-9:]}",
                f"{[n for n in other if n not in one]} {list(other)[-9:]}",
            )
        pairs = [(f"{place}.{name}", one[name], other[name]) for name in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"{place}[{at}]", *pair) for at, pair in enumerate(zip(one, other, strict=True))]
    else:
        return place, one, other
    for where, first, second in pairs:
        if _bytes(first) != _bytes(second):
            return _apart(first, second, where)
    return place, one, other


def _sent(value: Any) -> Any:
    """Return a value as JavaScript would have it: whole numbers beyond 32 bits are doubles."""
    match value:
        case Int64() | bool():
            return value
        case int() if value not in INT32:
            return float(value)
        case dict():
            return {name: _sent(item) for name, item in value.items()}
        case list():
            return [_sent(item) for item in value]
        case _:
            return value


class Normalised:
    """Values without what a side made up."""

    def __init__(self) -> None:
        self._given: set[ObjectId] = set()
        self._before: dict[str, set[bytes]] = {}

    def given(self, identifiers: set[ObjectId]) -> Self:
        """Add identifiers that neither side made up."""
        self._given |= identifiers
        return self

    def of(self, call: Call, what: str, said: Said) -> Any:
        """Return a part of what a side said; of what is stored, the documents that were not so before.

        So a difference is told once.
        """
        seen: dict[ObjectId, str] = {}
        if what != "stored":
            return self._normal(said.get(what), seen)
        now = {_bytes(document): document for document in said["stored"]}
        before = self._before.get(call["model"], set())
        self._before[call["model"]] = set(now)
        return [self._normal(each, seen) for key, each in now.items() if key not in before]

    def _normal(self, value: Any, seen: dict[ObjectId, str]) -> Any:
        match value:
            case dict():
                return {name: self._normal(item, seen) for name, item in value.items()}
            case list():
                return [self._normal(item, seen) for item in value]
            case ObjectId() if value not in self._given:
                return seen.setdefault(value, f"<id {len(seen)}>")
            case str() if _UUID.fullmatch(value) and value not in GIVEN_TEXTS:
                return "<uuid>"
            case DatetimeMS() if int(value) > GENERATED_AFTER_MS:
                return "<now>"
            case _:
                return value


def _identifiers(value: Any) -> set[ObjectId]:
    match value:
        case dict():
            return {found for item in value.values() for found in _identifiers(item)}
        case list():
            return {found for item in value for found in _identifiers(item)}
        case ObjectId():
            return {value}
        case str() if ObjectId.is_valid(value):
            return {ObjectId(value)}
        case _:
            return set()


async def answer(model: Model, call: Call, database: AsyncDatabase[dict[str, Any]]) -> Said:
    """Do a call on our side."""
    arguments = {name: value for name, value in call.items() if name not in {"model", "call"}}
    try:
        return {"result": await _called(model, call["call"], arguments, database)}
    except ModelError as error:
        return {"error": described(error)}
    except UnsupportedError as error:
        return {"error": {"name": str(error)}}


async def _called(
    model: Model, name: str, given: dict[str, Any], database: AsyncDatabase[dict[str, Any]]
) -> Any:
    if name == "create":
        await model.create(*given["documents"])
        return None
    if name == "insert_many":
        await model.insert_many(given["documents"], ordered=given["ordered"])
        return None
    if name == "save":
        document = await model.find_by_id(given["identifier"])
        assert document is not None
        if given.get("meanwhile"):
            collection = database[model.schema.collection]
            await collection.update_one({"_id": given["identifier"]}, given["meanwhile"])
        await model.save({**document, **given["changes"]})
        return None
    if "filter" in given:
        given["filter_"] = given.pop("filter")
    result = await getattr(model, name)(**given)
    if isinstance(result, Written):
        return asdict(result)
    if isinstance(result, Acknowledgement):
        return {"n": result.n, "modified": result.modified}
    return result


def described(error: ModelError) -> Said:
    """Return what an application may look at."""
    said: Said = {"name": error.name}
    match error:
        case ValidationError():
            said["errors"] = {
                path: {"name": each.name, "kind": each.kind} for path, each in error.errors.items()
            }
        case CastError():
            said |= {"path": error.path, "kind": error.kind}
        case StrictModeError():
            said["path"] = error.path
        case ServerError():
            said["code"] = error.code
            if error.key_pattern is not None and error.name == "MongoServerError":
                said["keyPattern"] = dict(error.key_pattern)
        case _:
            pass
    return said
