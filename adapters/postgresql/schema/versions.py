"""What was done to the tables of a database, by whom and when: `parallax.schema_versions`."""

import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Final

import sqlalchemy as sa

from adapters.entities.entity import EntityMap
from adapters.entities.notation import text_of
from adapters.postgresql.connections import Connection
from adapters.sql.dialect import compiled

SCHEMA_SQL: Final = (resources.files("adapters.postgresql") / "sql" / "schema.sql").read_text()

VERSIONS: Final = sa.Table(
    "schema_versions",
    sa.MetaData(),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("database", sa.Text),
    sa.Column("moved", sa.Text),
    sa.Column("what", sa.Text),
    sa.Column("statements", sa.Text),
    sa.Column("maps", sa.Text),
    schema="parallax",
)
_ADD: Final = compiled(
    sa.insert(VERSIONS).values(
        {name: sa.bindparam(name) for name in ("database", "moved", "what", "statements", "maps")}
    )
)
_MOVES: Final = compiled(
    sa.select(sa.func.count())
    .select_from(VERSIONS)
    .where(
        VERSIONS.c.database == sa.bindparam("database"),
        VERSIONS.c.moved == sa.bindparam("collection"),
    )
)


def digest_of(entities: Iterable[EntityMap]) -> str:
    """Return what tells one set of maps from another."""
    texts = sorted(map(text_of, entities))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


async def record(
    connection: Connection,
    database: str,
    what: str,
    statements: Sequence[str],
    entities: Iterable[EntityMap],
    *,
    moved: str | None = None,
) -> None:
    """Write down what is being done, in the transaction that does it; `moved` is a collection, if one was."""
    values = {
        "database": database,
        "moved": moved,
        "what": what,
        "statements": ";\n".join(statements),
        "maps": digest_of(entities),
    }
    await connection.execute(_ADD.text, *_ADD.arguments(values))


async def moves_of(connection: Connection, database: str, collection: str) -> int:
    """Return how often the documents of a collection went to another table."""
    values = {"database": database, "collection": collection}
    count: int = await connection.fetchval(_MOVES.text, *_MOVES.arguments(values))
    return count
