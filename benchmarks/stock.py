"""Documents of about 1 KB, as many as wanted, the same ones on both sides.

The gateway's side is written by COPY past the adapter: what is measured is not how they came there.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import asyncpg
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from pymongo.asynchronous.collection import AsyncCollection

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from adapters.sql.body import body_of
from adapters.sql.keys import key_of
from adapters.sql.names import shortened
from comparators.canonical import encode
from comparators.operation import Kind, Operation

DATABASE: Final = "stock"
AT_ONCE: Final = 5_000

Document = dict[str, Any]


def document(number: int) -> Document:
    """Return a document of about 1 KB: an order of some lines, with a text."""
    chance = random.Random(number)
    return {
        "_id": ObjectId(number.to_bytes(12)),
        "number": number,
        "customer": f"customer {number % 1000}",
        "state": ("open", "paid", "sent")[number % 3],
        "total": number * 1.25,
        "createdAt": DatetimeMS(1_700_000_000_000 + number),
        "address": {
            "street": f"Street {number % 300}",
            "city": "Aarhus",
            "zip": 8000 + number % 90,
        },
        "lines": [
            {"sku": f"sku-{chance.randrange(10_000)}", "count": line, "price": 9.75 + line}
            for line in range(5)
        ],
        "tags": ["one", "two", "three"][: number % 4],
        "note": f"{chance.random()} is what somebody wrote about it. " * 9,
    }


def portions(documents: int) -> Iterator[Sequence[Document]]:
    """Yield all documents, some thousand at a time."""
    for first in range(0, documents, AT_ONCE):
        yield [document(number) for number in range(first, min(first + AT_ONCE, documents))]


async def fill_legacy(collection: AsyncCollection[Any], documents: int) -> None:
    """Insert so many documents."""
    for portion in portions(documents):
        await collection.insert_many(portion, ordered=False)


async def fill_gateway(dsn: str, name: str, documents: int) -> None:
    """Make a collection with so many documents in a table of documents."""
    create = Operation(database=DATABASE, collection=name, kind=Kind.CREATE, arguments={})
    async with PostgresGateway(dsn, connections=1) as gateway:
        await gateway.run(create, generated=Generated(now_ms=0))
    connection = await asyncpg.connect(dsn)
    try:
        # It would take most of the time, and nobody asks it.
        index = shortened(name, "~body")
        await connection.execute(f'DROP INDEX "{DATABASE}"."{index}"')
        for portion in portions(documents):
            await connection.copy_records_to_table(
                name,
                schema_name=DATABASE,
                columns=("id", "bson", "body"),
                records=[(key_of(each["_id"]), encode(each), body_of(each)) for each in portion],
            )
        await connection.execute(f'VACUUM ANALYZE "{DATABASE}"."{name}"')
    finally:
        await connection.close()
