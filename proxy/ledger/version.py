"""Whether a ledger is there, and of the schema that this Parallax knows."""

from sqlalchemy import Select, column, inspect, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.errors import SettingsError
from proxy.ledger.engine import NoLedgerError
from proxy.ledger.migrations import HEAD, VERSION_TABLE


async def check_version(connection: AsyncConnection, where: str) -> None:
    """Raise SettingsError unless the ledger can be read as it is."""
    there = await connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE))
    if not there:
        raise NoLedgerError(
            "there is no ledger yet",
            where=where,
            remedy="start `parallax serve`, or name the ledger in [ledger] uri",
        )
    version: Select[str] = select(column("version_num")).select_from(table(VERSION_TABLE))
    found = (await connection.execute(version)).scalar_one()
    if found != HEAD:
        raise SettingsError(
            f"the ledger has schema {found}, this Parallax reads {HEAD}",
            where=where,
            remedy="read it with the Parallax that writes it, or let this one open it for writing",
        )
