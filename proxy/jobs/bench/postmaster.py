"""The processes of a PostgreSQL on this machine: what they spend is read from the system, for it does not tell itself."""

import ipaddress
from typing import Any, Final

import asyncpg
import psutil

_BACKEND: Final = "SELECT pg_backend_pid() AS pid, inet_server_addr() AS address"


async def postmaster_of(dsn: str) -> int | None:
    """Return the process that is the parent of all others; None where it runs elsewhere or cannot be seen."""
    try:
        connection = await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError):
        return None
    try:
        found = await connection.fetchrow(_BACKEND)
        return None if found is None else _parent(int(found["pid"]), found["address"])
    finally:
        await connection.close()


def _parent(backend: int, address: Any) -> int | None:
    if address is not None and not ipaddress.ip_interface(str(address)).is_loopback:
        return None
    try:
        parent = psutil.Process(backend).parent()
        # In a container, numbers mean other processes.
        return parent.pid if parent is not None and parent.name().startswith("postgres") else None
    except psutil.Error:
        return None
