"""Redis in the registry."""

import time
from typing import ClassVar, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import ConnectionSettings, Port, Tls, peer_of
from comparators.errors import SettingsError, UnreachableError

DEFAULT_PORT: Final = 6379
_CHECK_WITHIN_S: Final = 5.0


class RedisSettings(ConnectionSettings):
    """How Redis is reached; `database` is a number, 0 where it is empty."""

    scheme: ClassVar[str] = "redis"
    port: Port = DEFAULT_PORT

    def url(self) -> str:
        """Return the address, `rediss` with TLS."""
        return super().url() if self.tls is Tls.OFF else "rediss" + super().url()[len("redis") :]

    def options(self) -> dict[str, str]:
        """Return the options under the names of Redis's client."""
        options = {
            "max_connections": str(self.connections),
            "socket_connect_timeout": str(self.connect_within_s),
        }
        if self.tls is Tls.REQUIRED:
            options["ssl_cert_reqs"] = "none"
            options["ssl_check_hostname"] = "false"
        if self.ca is not None:
            options["ssl_ca_certs"] = str(self.ca)
        return options


async def check(url: str) -> Health:
    """Ask the server for its version."""
    where = peer_of(url, DEFAULT_PORT)
    client = Redis.from_url(url, socket_timeout=_CHECK_WITHIN_S)
    try:
        await client.ping()
        began = time.perf_counter()
        answer = await client.info("server")
        return Health(version=answer["redis_version"], latency_s=time.perf_counter() - began)
    except AuthenticationError as error:
        raise SettingsError(
            "Redis refuses the password", where=where, remedy="is this its password?"
        ) from error
    except RedisError as error:
        raise UnreachableError(
            "Redis does not answer", where=where, remedy="is it running there?"
        ) from error
    finally:
        await client.aclose()


ADAPTER: Final = Adapter(
    name="redis",
    title="Redis",
    role=Role.CACHE,
    schemes=("redis", "rediss"),
    capabilities=frozenset({Capability.TTL, Capability.UPSERT, Capability.TRANSACTIONS}),
    settings=RedisSettings,
    check=check,
    package="adapters.redis",
)
