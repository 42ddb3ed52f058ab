import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

from proxy.ledger.migrations import HEAD, VERSION_TABLE, migrate
from proxy.ledger.migrations.stepwise import upgrade, versions
from proxy.ledger.tables import ledger


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_head_is_the_newest_version() -> None:
    assert versions().get_heads() == [HEAD]


def test_the_migrations_make_the_tables_that_the_code_uses(engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            upgrade(connection)
            differences = compare_metadata(MigrationContext.configure(connection), ledger)
    finally:
        engine.dispose()

    assert differences == []


def test_a_new_ledger_is_as_the_migrations_leave_one(tmp_path: Path) -> None:
    made = []
    for way in (migrate, upgrade):
        engine = create_engine(f"sqlite:///{tmp_path / way.__name__}")
        with engine.begin() as connection:
            way(connection)
        made.append(_described(engine))
        engine.dispose()

    assert made[0] == made[1]
    assert set(made[0]) == {*ledger.tables, VERSION_TABLE}


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


def test_an_earlier_ledger_is_migrated(engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            upgrade(connection, "0004")
            assert not inspect(connection).has_table("sweeps")
            migrate(connection)
            found = MigrationContext.configure(connection).get_current_revision()
            differences = compare_metadata(MigrationContext.configure(connection), ledger)
    finally:
        engine.dispose()

    assert found == HEAD
    assert differences == []


def _described(engine: Engine) -> dict[str, object]:
    """Return tables, columns with defaults, keys and indexes; the order of columns means nothing."""
    found = inspect(engine)
    return {
        table: (
            sorted(repr(sorted(column.items())) for column in found.get_columns(table)),
            found.get_pk_constraint(table),
            found.get_indexes(table),
            found.get_unique_constraints(table),
            found.get_check_constraints(table),
        )
        for table in found.get_table_names()
    }
