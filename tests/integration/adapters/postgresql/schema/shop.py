"""A collection of users, its maps, and somebody who writes it all the time."""

import random
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson.int64 import Int64

from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
)
from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import encode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Result

GENERATED: Final = Generated(now_ms=1_700_000_000_000)


def column(name: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=name, path=(name,), type=kind, **more)


USERS: Final = EntityMap(
    collection="users",
    table="users",
    identity=Identity(type=IdentityType.TEXT),
    columns=(column("email", ColumnType.TEXT), column("age", ColumnType.INTEGER)),
    indexes=(EntityIndex(name="age_1", specification={"key": {"age": 1}}),),
)
LINES: Final = Child(
    table="user_lines",
    path=("lines",),
    parent="user_id",
    columns=(column("n", ColumnType.INTEGER), column("text", ColumnType.TEXT)),
)
WIDER: Final = replace(
    USERS,
    columns=(
        *USERS.columns,
        column("name", ColumnType.TEXT),
        column("tags", ColumnType.TEXT, array=True),
    ),
    children=(LINES,),
    indexes=(
        *USERS.indexes,
        EntityIndex(name="lines.n_1", specification={"key": {"lines.n": 1}}),
    ),
    full_text=(FullText(name="words", language="simple", weights={"name": "A"}),),
    about="People.",
)
TAGS: Final = EntityMap(
    collection="usertags",
    table="user_tags",
    identity=Identity(type=IdentityType.KEY),
    columns=(column("email", ColumnType.TEXT), column("age", ColumnType.DOUBLE)),
    children=(LINES,),
)


async def ask(gateway: PostgresGateway, collection: str, kind: Kind, **arguments: Any) -> Result:
    operation = Operation(database="shop", collection=collection, kind=kind, arguments=arguments)
    return (await gateway.run(operation, generated=GENERATED)).result


async def stored(gateway: PostgresGateway, collection: str) -> list[bytes]:
    found = await ask(gateway, collection, Kind.FIND, filter={})
    assert isinstance(found, Documents)
    return list(found.documents)


@dataclass(slots=True, kw_only=True)
class Writer:
    """Writes random documents, and knows what must be there."""

    gateway: PostgresGateway
    collection: str
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """In the order of their insertion."""
    writes: int = 0
    is_stopped: bool = False

    async def begin(self, count: int) -> None:
        """Make a unique index, and fill the collection."""
        index = {"key": {"email": 1}, "name": "email_1", "unique": True}
        await ask(self.gateway, self.collection, Kind.CREATE_INDEXES, indexes=[index])
        documents = [self._document() for _ in range(count)]
        await ask(self.gateway, self.collection, Kind.INSERT, documents=documents, ordered=True)
        self.documents |= {each["_id"]: each for each in documents}

    async def run(self) -> None:
        """Write until stopped."""
        while not self.is_stopped:
            await self.write()

    async def write(self) -> None:
        """Write one document."""
        self.writes += 1
        work = self.chance.choice(
            [self._insert, self._insert, self._set, self._replace, self._swap, self._delete]
        )
        await work()

    @property
    def expected(self) -> list[bytes]:
        return [encode(each) for each in self.documents.values()]

    def _document(self) -> dict[str, Any]:
        number = self.chance.getrandbits(60)
        document: dict[str, Any] = {"_id": f"user {number}"}
        fields: list[tuple[str, Any]] = [
            ("email", f"{number}@example"),
            ("age", self.chance.choice([5, Int64(5), 5.0, 2.5, None, "old"])),
            ("name", self.chance.choice(["somebody", None, ["some", "body"]])),
            ("tags", self.chance.choice([[], ["a"], ["a", 1], "a"])),
            ("extra", {"z": 1, "a": -0.0}),
            ("lines", self.chance.choice([[], [{"n": 1}] * 3, [{"text": "a", "n": 5.5}, 1], 7])),
        ]
        self.chance.shuffle(fields)
        return document | dict(fields[: self.chance.randint(2, 5)]) | {"email": f"{number}@example"}

    def _any(self) -> dict[str, Any]:
        return self.documents[self.chance.choice(list(self.documents))]

    async def _insert(self) -> None:
        document = self._document()
        await self._ask(Kind.INSERT, documents=[document])
        self.documents[document["_id"]] = document

    async def _set(self) -> None:
        document = self._any()
        age = self.chance.choice([1, 2.5, None, {"deep": [1]}])
        await self._update(document["_id"], {"$set": {"age": age}})
        document["age"] = age

    async def _replace(self) -> None:
        identifier = self._any()["_id"]
        document = self._document() | {"_id": identifier}
        await self._update(identifier, {n: v for n, v in document.items() if n != "_id"})
        self.documents[identifier] = document

    async def _swap(self) -> None:
        """Give the address of one document to another."""
        one, other = self._any(), self._any()
        if one is other:
            return
        email, between = one["email"], f"between {self.writes}"
        await self._update(one["_id"], {"$set": {"email": between}})
        await self._update(other["_id"], {"$set": {"email": email}})
        one["email"], other["email"] = between, email

    async def _delete(self) -> None:
        identifier = self._any()["_id"]
        deletes = [{"q": {"_id": identifier}, "limit": 1}]
        await self._ask(Kind.DELETE, deletes=deletes)
        del self.documents[identifier]

    async def _update(self, identifier: str, change: dict[str, Any]) -> None:
        await self._ask(Kind.UPDATE, updates=[{"q": {"_id": identifier}, "u": change}])

    async def _ask(self, kind: Kind, **arguments: Any) -> None:
        result = await ask(self.gateway, self.collection, kind, **arguments)
        assert isinstance(result, Acknowledgement), result
        assert result.n == 1
        assert not result.errors
