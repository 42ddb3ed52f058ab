"""What a database must do to stand behind repositories, whoever wrote its adapter.

`conform` runs every case in a database of its own that the caller names, and drops afterwards. A case that needs a capability which the
adapter does not claim is left out, and told as such. `parallax adapters check --conformance` runs it, and so may
another package's tests:

    async with ADAPTER.open(url, 4) as database:
        findings = await conform(database, "scratch", ADAPTER.capabilities)
    assert not [each for each in findings if each.problem]
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp

from adapters.adapter import Capability
from adapters.database import Database
from adapters.gateway import Generated
from comparators.canonical import decode, encode
from comparators.errors import ParallaxError
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Failure,
    Modified,
    Outcome,
    Result,
    Values,
)

COLLECTION: Final = "conformance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one case ended: as it should where `problem` is empty; not run where it needs what is `missing`."""

    case: str
    problem: str = ""
    missing: frozenset[Capability] = frozenset()


class _NonconformingError(Exception):
    """A database answered in another way than MongoDB."""


class Stage:
    """One database, and operations on one collection of it."""

    def __init__(self, database: Database, name: str, collection: str) -> None:
        self._database = database
        self._name = name
        self._collection = collection

    def operation(
        self, kind: Kind, collection: str | None = None, /, **arguments: Any
    ) -> Operation:
        """Return an operation on the collection."""
        return Operation(
            database=self._name,
            collection=self._collection if collection is None else collection,
            kind=kind,
            arguments=arguments,
        )

    async def ask(self, kind: Kind, collection: str | None = None, /, **arguments: Any) -> Result:
        """Run an operation, and return its result."""
        outcome = await self.run(self.operation(kind, collection, **arguments))
        return outcome.result

    async def run(self, operation: Operation) -> Outcome:
        """Run an operation."""
        return await self._database.run(operation, generated=Generated(now_ms=NOW_MS))

    async def put(self, *documents: Mapping[str, Any]) -> None:
        """Insert documents."""
        expect(
            await self.ask(Kind.INSERT, documents=list(documents)),
            Acknowledgement(n=len(documents)),
        )

    async def found(self, **arguments: Any) -> list[dict[str, Any]]:
        """Return what a find gives."""
        return documents_of(await self.ask(Kind.FIND, **{"filter": {}, **arguments}))

    @property
    def database(self) -> Database:
        """Return the database itself."""
        return self._database


NOW_MS: Final = 1_700_000_000_000
Case = Callable[[Stage], Awaitable[None]]


async def conform(
    database: Database, name: str, capabilities: frozenset[Capability]
) -> Sequence[Finding]:
    """Run all cases in the database of that name, and say how each ended.

    Raises UnreachableError where the database goes away meanwhile.
    """
    findings = []
    for index, (case, needs) in enumerate(CASES.items()):
        title = case.__name__.removeprefix("_").replace("_", " ")
        missing = needs - capabilities
        if missing:
            findings.append(Finding(case=title, missing=missing))
            continue
        stage = Stage(database, name, f"{COLLECTION}{index}")
        try:
            await case(stage)
        except (_NonconformingError, ParallaxError) as error:
            findings.append(Finding(case=title, problem=str(error)))
        else:
            findings.append(Finding(case=title))
    await database.run(
        Operation(database=name, collection="", kind=Kind.DROP_DATABASE, arguments={}),
        generated=Generated(now_ms=NOW_MS),
    )
    return findings


def expect(found: object, wanted: object) -> None:
    """Tell where an answer is another one."""
    if found != wanted:
        message = f"{found!r} instead of {wanted!r}"
        raise _NonconformingError(message)


def documents_of(result: Result) -> list[dict[str, Any]]:
    """Return the documents of a result that has some."""
    if not isinstance(result, Documents):
        message = f"{result!r} instead of documents"
        raise _NonconformingError(message)
    return [dict(decode(each)) for each in result.documents]


async def _what_is_inserted_is_found(stage: Stage) -> None:
    await stage.put({"_id": 1, "a": "x"}, {"_id": 2, "a": "y"})
    expect(await stage.found(filter={"a": "y"}), [{"_id": 2, "a": "y"}])


async def _every_type_comes_back_as_it_was(stage: Stage) -> None:
    document = {
        "_id": ObjectId("65a000000000000000000001"),
        "z": None,
        "a": {"": [1, Int64(1), 1.0, -0.0], "b": []},
        "text": "naïve \u0000 \U0001f642",
        "money": Decimal128("0.10"),
        "when": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        "bytes": Binary(b"\x00\xff", 0),
        "pattern": Regex("^a", "i"),
        "stamp": Timestamp(7, 1),
        "yes": True,
    }
    await stage.put(document)
    result = await stage.ask(Kind.FIND, filter={})
    documents_of(result)
    expect(result, Documents(documents=(encode(document),)))


async def _a_second_document_with_the_same_key_is_refused(stage: Stage) -> None:
    await stage.put({"_id": 1})
    result = await stage.ask(Kind.INSERT, documents=[{"_id": 1}, {"_id": 2}], ordered=False)
    if not isinstance(result, Acknowledgement) or [e.code for e in result.errors] != [11000]:
        message = f"{result!r} instead of one write error 11000"
        raise _NonconformingError(message)
    expect(result.n, 1)


async def _a_unique_index_names_what_stands_in_the_way(stage: Stage) -> None:
    index = {"key": {"email": 1}, "name": "email_1", "unique": True}
    await stage.ask(Kind.CREATE_INDEXES, indexes=[index])
    await stage.put({"_id": 1, "email": "a@b.c"})
    result = await stage.ask(Kind.INSERT, documents=[{"_id": 2, "email": "a@b.c"}])
    errors = result.errors if isinstance(result, Acknowledgement) else ()
    expect(
        [(each.code, each.key_pattern, each.key_value) for each in errors],
        [(11000, {"email": 1}, {"email": "a@b.c"})],
    )


async def _updates_tell_what_they_matched_and_changed(stage: Stage) -> None:
    await stage.put({"_id": 1, "n": 1}, {"_id": 2, "n": 2})
    updates = [
        {"q": {"_id": 1}, "u": {"$inc": {"n": 5}, "$push": {"tags": "a"}}},
        {"q": {}, "u": {"$set": {"n": 2}}, "multi": True},
    ]
    expect(await stage.ask(Kind.UPDATE, updates=updates), Acknowledgement(n=3, modified=2))
    expect(
        await stage.found(sort={"_id": 1}), [{"_id": 1, "n": 2, "tags": ["a"]}, {"_id": 2, "n": 2}]
    )


async def _an_upsert_inserts_once(stage: Stage) -> None:
    update = {"q": {"_id": 7}, "u": {"$inc": {"n": 1}}, "upsert": True}
    first = await stage.ask(Kind.UPDATE, updates=[update])
    expect(first, Acknowledgement(n=1, modified=0, upserted=((0, 7),)))
    expect(await stage.ask(Kind.UPDATE, updates=[update]), Acknowledgement(n=1, modified=1))
    expect(await stage.found(), [{"_id": 7, "n": 2}])


async def _find_and_modify_gives_the_new_document(stage: Stage) -> None:
    await stage.put({"_id": 1, "n": 1})
    arguments: dict[str, Any] = {"query": {"_id": 1}, "update": {"$inc": {"n": 1}}, "new": True}
    result = await stage.ask(Kind.FIND_AND_MODIFY, **arguments)
    document = result.document if isinstance(result, Modified) else None
    expect(decode(document) if document else None, {"_id": 1, "n": 2})


async def _deletes_and_counts(stage: Stage) -> None:
    await stage.put(*({"_id": n, "even": n % 2 == 0} for n in range(5)))
    deletes = [{"q": {"even": True}, "limit": 0}, {"q": {"even": False}, "limit": 1}]
    expect(await stage.ask(Kind.DELETE, deletes=deletes), Acknowledgement(n=4))
    expect(await stage.ask(Kind.COUNT, query={}), Count(n=1))


async def _values_of_different_types_have_an_order(stage: Stage) -> None:
    values = ["a", 2, None, True, {"x": 1}, ObjectId("65a000000000000000000001"), 1.5]
    await stage.put(*({"_id": n, "v": value} for n, value in enumerate(values)))
    expect([each["_id"] for each in await stage.found(sort={"v": 1})], [2, 6, 1, 0, 4, 5, 3])
    expect([each["_id"] for each in await stage.found(filter={"v": {"$gt": 1}})], [1, 6])


async def _null_and_missing_are_told_apart(stage: Stage) -> None:
    await stage.put({"_id": 1, "a": None}, {"_id": 2}, {"_id": 3, "a": [None]})
    by_id = {"_id": 1}
    expect([e["_id"] for e in await stage.found(filter={"a": None}, sort=by_id)], [1, 2, 3])
    expect([e["_id"] for e in await stage.found(filter={"a": {"$exists": False}})], [2])


async def _pages_and_projections(stage: Stage) -> None:
    await stage.put(*({"_id": n, "a": {"b": n, "c": 0}} for n in range(9)))
    page = await stage.found(sort={"_id": -1}, skip=2, limit=2, projection={"a.b": 1})
    expect(page, [{"_id": 6, "a": {"b": 6}}, {"_id": 5, "a": {"b": 5}}])


async def _distinct_and_group(stage: Stage) -> None:
    await stage.put(
        {"_id": 1, "k": "a", "n": 1}, {"_id": 2, "k": "b", "n": 2}, {"_id": 3, "k": "a", "n": 3}
    )
    result = await stage.ask(Kind.DISTINCT, key="k", query={})
    expect(sorted(result.values) if isinstance(result, Values) else result, ["a", "b"])
    pipeline = [{"$group": {"_id": "$k", "n": {"$sum": "$n"}}}, {"$sort": {"_id": 1}}]
    answer = documents_of(await stage.ask(Kind.AGGREGATE, pipeline=pipeline, cursor={}))
    expect(answer, [{"_id": "a", "n": 4}, {"_id": "b", "n": 2}])


async def _an_unknown_operator_is_refused_as_mongodb_does(stage: Stage) -> None:
    await stage.put({"_id": 1})
    result = await stage.ask(Kind.FIND, filter={"a": {"$nonsense": 1}})
    expect(result.code if isinstance(result, Failure) else result, 2)


async def _documents_are_joined(stage: Stage) -> None:
    await stage.put({"_id": 1, "user": 7})
    other = f"{stage.operation(Kind.FIND).collection}_users"
    await stage.ask(Kind.INSERT, other, documents=[{"_id": 7, "name": "ada"}])
    lookup = {"from": other, "localField": "user", "foreignField": "_id", "as": "users"}
    answer = documents_of(
        await stage.ask(Kind.AGGREGATE, pipeline=[{"$lookup": lookup}], cursor={})
    )
    expect(answer, [{"_id": 1, "user": 7, "users": [{"_id": 7, "name": "ada"}]}])


async def _a_transaction_takes_effect_as_a_whole(stage: Stage) -> None:
    await stage.put({"_id": 0})
    insert = stage.operation(Kind.INSERT, documents=[{"_id": 1}])
    async with stage.database.transaction() as transaction:
        await transaction.run(insert, generated=Generated(now_ms=NOW_MS))
    expect(len(await stage.found()), 2)


async def _a_transaction_that_fails_leaves_nothing(stage: Stage) -> None:
    await stage.put({"_id": 0})
    insert = stage.operation(Kind.INSERT, documents=[{"_id": 1}])
    with suppress(_UndoneError):
        async with stage.database.transaction() as transaction:
            await transaction.run(insert, generated=Generated(now_ms=NOW_MS))
            raise _UndoneError
    expect(await stage.found(), [{"_id": 0}])


async def _words_are_found(stage: Stage) -> None:
    index = {"key": {"text": "text"}, "name": "text_text"}
    await stage.ask(Kind.CREATE_INDEXES, indexes=[index])
    await stage.put({"_id": 1, "text": "the quick brown fox"}, {"_id": 2, "text": "a lazy dog"})
    expect([each["_id"] for each in await stage.found(filter={"$text": {"$search": "foxes"}})], [1])


async def _an_index_of_expiry_is_accepted(stage: Stage) -> None:
    index = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 3600}
    await stage.ask(Kind.CREATE_INDEXES, indexes=[index])
    listed = documents_of(await stage.ask(Kind.LIST_INDEXES))
    expect([each.get("expireAfterSeconds") for each in listed if each["name"] == "at_1"], [3600])


class _UndoneError(Exception):
    """Ends a transaction."""


_NOTHING: Final[frozenset[Capability]] = frozenset()
CASES: Final[Mapping[Any, frozenset[Capability]]] = {
    _what_is_inserted_is_found: _NOTHING,
    _every_type_comes_back_as_it_was: _NOTHING,
    _a_second_document_with_the_same_key_is_refused: _NOTHING,
    _a_unique_index_names_what_stands_in_the_way: _NOTHING,
    _updates_tell_what_they_matched_and_changed: _NOTHING,
    _an_upsert_inserts_once: frozenset({Capability.UPSERT}),
    _find_and_modify_gives_the_new_document: _NOTHING,
    _deletes_and_counts: _NOTHING,
    _values_of_different_types_have_an_order: _NOTHING,
    _null_and_missing_are_told_apart: _NOTHING,
    _pages_and_projections: _NOTHING,
    _distinct_and_group: _NOTHING,
    _an_unknown_operator_is_refused_as_mongodb_does: _NOTHING,
    _documents_are_joined: frozenset({Capability.JOINS}),
    _a_transaction_takes_effect_as_a_whole: frozenset({Capability.TRANSACTIONS}),
    _a_transaction_that_fails_leaves_nothing: frozenset({Capability.TRANSACTIONS}),
    _words_are_found: frozenset({Capability.FULL_TEXT}),
    _an_index_of_expiry_is_accepted: frozenset({Capability.TTL}),
}
"""The cases, and what an adapter must claim for them to be run."""
