"""The users of `parallax gateway`, kept on PostgreSQL beside the data.

They are read now and then and remembered, so that a login neither costs a query nor depends on PostgreSQL. Each may do
everything: there are no roles. Without any user nobody has to log in, and only loopback is listened on.
"""

import secrets
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, insert

from adapters.postgresql.connections import Connections
from adapters.sql.dialect import compiled
from comparators.canonical import decode, encode
from comparators.errors import RefusedError
from proxy.serving.scram import DIGESTS, SALT_BYTES, Credential, credential

USERS_SQL: Final = (resources.files("proxy.serving") / "sql" / "users.sql").read_text()
USERS: Final = sa.Table(
    "users",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("credentials", BYTEA, nullable=False),
    schema="parallax",
)
_ALL: Final = compiled(sa.select(USERS.c.name, USERS.c.credentials).order_by(USERS.c.name))
_PUT: Final = compiled(
    insert(USERS)
    .values(name=sa.bindparam("name"), credentials=sa.bindparam("credentials"))
    .on_conflict_do_update(
        index_elements=["name"], set_={"credentials": sa.text("excluded.credentials")}
    )
)
_REMOVE: Final = compiled(
    sa.delete(USERS).where(USERS.c.name == sa.bindparam("name")).returning(USERS.c.name)
)


class Users:
    """Who may log in; `everybody` when a login is asked for even while there are no users."""

    def __init__(self, dsn: str, *, everybody: bool = False) -> None:
        self._connections = Connections(dsn, limit=1)
        self._everybody = everybody
        self._known: Mapping[str, Mapping[str, Credential]] = {}

    @property
    def are_required(self) -> bool:
        """Whether a client must log in."""
        return self._everybody or bool(self._known)

    @property
    def names(self) -> tuple[str, ...]:
        """Who may log in, as far as was read."""
        return tuple(self._known)

    def credential(self, user: str, mechanism: str) -> Credential | None:
        """Return what is kept of a user's password, None for nobody."""
        return self._known.get(user, {}).get(mechanism)

    async def prepare(self) -> None:
        """Make the table, and read it."""
        async with self._connections.held() as connection:
            await connection.execute(USERS_SQL)
        await self.load()

    async def load(self) -> None:
        """Read all users."""
        async with self._connections.held() as connection:
            rows = await connection.fetch(_ALL.text)
        self._known = {name: _credentials(decode(stored)) for name, stored in rows}

    async def add(self, user: str, password: str) -> None:
        """Let a user in by a password, instead of any earlier one."""
        kept = {
            mechanism: _fields(
                credential(
                    mechanism, user, password, salt=secrets.token_bytes(SALT_BYTES[mechanism])
                )
            )
            for mechanism in DIGESTS
        }
        values = {"name": user, "credentials": encode(kept)}
        async with self._connections.held() as connection:
            await connection.execute(_PUT.text, *_PUT.arguments(values))

    async def remove(self, user: str) -> None:
        """Let a user in no more; RefusedError for one that there is not."""
        async with self._connections.held() as connection:
            gone = await connection.fetchval(_REMOVE.text, *_REMOVE.arguments({"name": user}))
        if gone is None:
            raise RefusedError(
                f"there is no user {user!r}",
                where="parallax gateway users",
                remedy="`parallax gateway users ls` shows who there is",
            )

    async def close(self) -> None:
        """Close the connection."""
        await self._connections.close()


def _fields(kept: Credential) -> dict[str, Any]:
    return {
        "salt": kept.salt,
        "iterations": kept.iterations,
        "stored_key": kept.stored_key,
        "server_key": kept.server_key,
    }


def _credentials(stored: Mapping[str, Any]) -> dict[str, Credential]:
    return {mechanism: Credential(**fields) for mechanism, fields in stored.items()}
