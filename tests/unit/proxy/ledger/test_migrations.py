import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from proxy.ledger.migrations import HEAD, migrate, versions
from proxy.ledger.tables import ledger


def test_head_is_the_newest_version() -> None:
    assert versions().get_heads() == [HEAD]


def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    try:
        with engine.begin() as connection:
            migrate(connection)
            differences = compare_metadata(MigrationContext.configure(connection), ledger)
    finally:
        engine.dispose()

    assert differences == []


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    schemas = []
    for _ in range(2):
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            migrate(connection)
        engine.dispose()
        reader = sqlite3.connect(path)
        schemas.append(reader.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall())
        reader.close()

    assert schemas[0] == schemas[1]
    assert len(schemas[0]) >= len(ledger.tables)
