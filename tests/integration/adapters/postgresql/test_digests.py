"""Digests of ranges are those of the documents that lie in them, in tables of documents and in mapped ones."""

from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId
from bson.datetime_ms import DatetimeMS

from adapters.entities.entity import EntityMap
from adapters.entities.files import read_map
from adapters.postgresql.digests import Digest, Digests, digest_of
from adapters.postgresql.gateway import PostgresGateway
from adapters.sql.keys import key_of
from adapters.sql.ranges import IdRange
from comparators.canonical import MISSING, encode
from comparators.operation import Kind
from tests.integration.adapters.postgresql.schema.shop import ask

IDENTIFIERS: list[Any] = [
    *(
        MinKey(),
        None,
        -3,
        Int64(2**40),
        1.5,
        Decimal128("7.25"),
        "",
        "a",
        "b" * 2000,
        "\x01x",
        "é\U0001f600",
    ),
    *(
        {"a": 1},
        b"bytes",
        ObjectId("0" * 24),
        ObjectId("f" * 24),
        ObjectId(),
        True,
        DatetimeMS(5),
        MaxKey(),
    ),
]
BOUNDS: list[Any] = [MISSING, 0, "a", {"a": 0}, ObjectId("5" * 24), DatetimeMS(4), MaxKey()]
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": identifier, "n": n, "tags": ["x", n], "sub": {"at": DatetimeMS(n)}}
    for n, identifier in enumerate(IDENTIFIERS)
]


def of_type(kind: str) -> str:
    return f"""\
collection = "users"
table = "users"
[id]
type = "{kind}"
[columns]
n = {{ path = "n", type = "integer" }}
"""


@pytest.fixture(params=[None, "objectid", "text", "key"])
def maps(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, EntityMap]:
    """Give no map, and one for each type of primary key."""
    if request.param is None:
        return {}
    file = tmp_path / "users.toml"
    file.write_text(of_type(request.param))
    return {"users": read_map(file)[0]}


async def test_each_document_lies_in_the_ranges_where_its_identifier_lies(
    postgres_dsn: str, maps: dict[str, EntityMap]
) -> None:
    async with PostgresGateway(postgres_dsn, entities=maps) as gateway:
        await ask(gateway, "users", Kind.INSERT, documents=DOCUMENTS)
    async with Digests(postgres_dsn) as digests:
        for lower in BOUNDS:
            for upper in BOUNDS:
                bounds = IdRange(lower=lower, upper=upper)
                inside = {
                    key_of(each["_id"]): digest_of(encode(each))
                    for each in DOCUMENTS
                    if bounds.holds(each["_id"])
                }

                assert await digests.of_each("shop.users", bounds) == inside
                assert await digests.of("shop.users", bounds) == Digest(
                    documents=len(inside), total=sum(inside.values())
                )
        everything = IdRange()
        keys = [key_of(each) for each in IDENTIFIERS[::2]]
        found = await digests.identifiers("shop.users", everything, keys)
        assert set(map(key_of, found)) == set(keys)
        assert len([each async for each in digests.every_identifier("shop.users")]) == len(
            IDENTIFIERS
        )
        assert await digests.namespaces() == ["shop.users"]
        expected = {None: 0, "objectid": 16, "text": 16, "key": 0}
        assert await digests.misfits("shop.users") in expected.values()


async def test_a_collection_that_is_not_there_is_empty(postgres_dsn: str) -> None:
    async with Digests(postgres_dsn) as digests:
        assert await digests.of("shop.none", IdRange()) == Digest(documents=0, total=0)
        assert await digests.of_each("shop.none", IdRange()) == {}
        assert await digests.identifiers("shop.none", IdRange(), [b"x"]) == []
