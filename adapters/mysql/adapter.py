"""MySQL and MariaDB in the registry."""

import time
from typing import ClassVar, Final

from sqlalchemy import func, select

from adapters.adapter import Health
from adapters.connection import ConnectionSettings, Port, Tls
from adapters.mysql.connecting import DEFAULT_PORT, engine_of, peer
from adapters.mysql.failures import translated

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
        with translated(peer(url)):
            async with engine.connect() as connection:
                began = time.perf_counter()
                version = (await connection.execute(select(func.version()))).scalar_one()
                return Health(version=version, latency_s=time.perf_counter() - began)
    finally:
        await engine.dispose()
