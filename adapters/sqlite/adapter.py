"""SQLite in the registry."""

import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

import sqlalchemy as sa

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import AdapterSettings
from adapters.database import Database
from comparators.errors import UnreachableError


class SqliteSettings(AdapterSettings):
    """Where the file of a database lies; it is made where there is none."""

    scheme: ClassVar[str] = "sqlite"
    path: Path = Path("parallax.db")

    def url(self) -> str:
        """Return the address as one URL: three slashes before a relative path, four before an absolute one."""
        return f"{self.scheme}:///{quote(str(self.path))}"


async def check(url: str) -> Health:
    """Open the file, and ask SQLite for its version."""
    from adapters.sqlite.dialect import SQLITE

    engine = SQLITE.engine(url, connections=1)
    try:
        async with engine.connect() as connection:
            began = time.perf_counter()
            version = await connection.scalar(sa.select(sa.func.sqlite_version()))
            return Health(version=str(version), latency_s=time.perf_counter() - began)
    except sa.exc.DBAPIError as error:
        raise UnreachableError(
            f"SQLite cannot open the file: {error.orig}",
            where=SQLITE.peer_of(url),
            remedy="is its folder there, and may this user write to it?",
        ) from error
    finally:
        await engine.dispose()


def _open(url: str, connections: int) -> AbstractAsyncContextManager[Database]:
    # Loaded when a database is opened: a list of adapters needs no operations.
    from adapters.sqlite.dialect import SQLITE
    from adapters.tables.database import TablesDatabase

    return TablesDatabase(url, SQLITE, connections=connections)


ADAPTER: Final = Adapter(
    name="sqlite",
    title="SQLite",
    role=Role.DATABASE,
    schemes=("sqlite",),
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
    settings=SqliteSettings,
    check=check,
    package=None,
    open=_open,
)
