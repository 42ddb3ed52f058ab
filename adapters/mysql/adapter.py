"""MySQL and MariaDB in the registry."""

import time
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import ConnectionSettings, Port, Tls
from adapters.database import Database
from adapters.mysql.connecting import DEFAULT_PORT, engine_of, peer
from adapters.mysql.failures import refusal
from comparators.errors import UnreachableError

_SSL_MODES: Final = {Tls.REQUIRED: "REQUIRED", Tls.VERIFIED: "VERIFY_IDENTITY"}


class MysqlSettings(ConnectionSettings):
    """How MySQL or MariaDB is reached; `database` holds the tables of all of MongoDB's databases."""

    scheme: ClassVar[str] = "mysql"
    port: Port = DEFAULT_PORT

    def options(self) -> dict[str, str]:
        """Return the options under the names of MySQL's own clients."""
        options = {"connect-timeout": str(round(self.connect_within_s * 1000))}
        if self.tls is not Tls.OFF:
            options["ssl-mode"] = _SSL_MODES[self.tls]
        if self.ca is not None:
            options["ssl-ca"] = str(self.ca)
        return options


async def check(url: str) -> Health:
    """Ask the server for its version."""
    engine = engine_of(url, connections=1)
    try:
        async with engine.connect() as connection:
            began = time.perf_counter()
            version = (await connection.execute(select(func.version()))).scalar_one()
            return Health(version=version, latency_s=time.perf_counter() - began)
    except DBAPIError as error:
        raise refusal(error, peer(url)) or UnreachableError(
            f"MySQL does not answer: {error.orig}",
            where=peer(url),
            remedy="is it running there?",
        ) from error
    finally:
        await engine.dispose()


def _open(url: str, connections: int) -> AbstractAsyncContextManager[Database]:
    # Loaded when a database is opened: a list of adapters needs no planner.
    from adapters.mysql.dialect import MYSQL
    from adapters.tables.database import TablesDatabase

    return TablesDatabase(url, MYSQL, connections=connections)


ADAPTER: Final = Adapter(
    name="mysql",
    title="MySQL",
    role=Role.DATABASE,
    schemes=("mysql", "mariadb"),
    capabilities=frozenset(
        {
            Capability.TRANSACTIONS,
            Capability.FULL_TEXT,
            Capability.JSON,
            Capability.JOINS,
            Capability.UPSERT,
            Capability.TTL,
        }
    ),
    settings=MysqlSettings,
    check=check,
    package="adapters.mysql",
    open=_open,
)
