"""The schema of the ledger, version by version. Parallax brings a ledger up to date when it opens it for writing.

Nearly every ledger that is opened is new or up to date: Alembic is loaded for the others alone.
"""

from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from proxy.ledger.tables import ledger

HEAD: Final = "0010"
"""The version that this Parallax reads and writes; a test compares it with the newest file in `versions/`."""

VERSION_TABLE: Final = "alembic_version"

_VERSIONS: Final = Table(
    VERSION_TABLE,
    MetaData(),
    # Alembic makes it like this, and finds one that it did not make.
    Column("version_num", String(32), primary_key=True, nullable=False),
)
_VERSIONS.primary_key.name = f"{VERSION_TABLE}_pkc"


def migrate(connection: Connection) -> None:
    """Bring the ledger behind `connection` up to date, within its transaction.

    SettingsError for a ledger that a later Parallax has migrated.
    """
    if not inspect(connection).has_table(VERSION_TABLE):
        _make(connection)
        return
    found = connection.execute(select(_VERSIONS.c.version_num)).scalar_one_or_none()
    if found != HEAD:
        # Only here: who opens a ledger that is up to date is spared Alembic.
        from proxy.ledger.migrations.stepwise import upgrade

        upgrade(connection)


def _make(connection: Connection) -> None:
    """Make a new ledger at once: the newest version's tables, as its migrations leave them."""
    ledger.create_all(connection, checkfirst=False)
    _VERSIONS.create(connection, checkfirst=False)
    connection.execute(insert(_VERSIONS).values(version_num=HEAD))
