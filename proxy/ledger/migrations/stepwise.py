"""Bring a ledger that an earlier Parallax wrote up to date, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from comparators.errors import SettingsError
from proxy.ledger.migrations import HEAD


def upgrade(connection: Connection, version: str = HEAD) -> None:
    """Run the migrations that a ledger lacks; SettingsError where a later Parallax has migrated it."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found not in {None, *(script.revision for script in versions().walk_revisions())}:
        raise SettingsError(
            f"the ledger has schema {found}, this Parallax knows none later than {HEAD}",
            where=connection.engine.url.render_as_string(hide_password=True),
            remedy="run the Parallax that migrated it, or name another ledger in [ledger] uri",
        )
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def versions() -> ScriptDirectory:
    """Return the versions that there are."""
    return ScriptDirectory.from_config(configuration())


def configuration() -> Config:
    """Return Alembic's configuration; there is no ini file to find."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # Nothing outside this folder is a version, whatever the working directory holds.
    config.set_main_option("path_separator", "os")
    return config
