"""The embedded PostgreSQL is a real one that can be stopped, crashed and started again."""

from pathlib import Path

import asyncpg
import pytest

from comparators.errors import SettingsError, UnreachableError
from proxy.embedded import EmbeddedPostgres, StopMode, embedded_postgres
from proxy.embedded.postgres import postgres_binaries


async def test_strings_compare_as_bytes(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        assert await connection.fetchval("SELECT 'Z' < 'a' AND 'z' < 'é'")
    finally:
        await connection.close()


async def test_each_test_has_a_database_of_its_own(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        name = await connection.fetchval("SELECT current_database()")
    finally:
        await connection.close()

    assert name.startswith("test_each_test_has_a_database")


async def test_a_stranger_needs_the_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.dsn.replace(postgres.password, "wrong"))


@pytest.mark.parametrize("mode", [StopMode.FAST, StopMode.IMMEDIATE])
async def test_committed_rows_outlive_a_restart(tmp_path: Path, mode: StopMode) -> None:
    async with embedded_postgres(tmp_path) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS n; CHECKPOINT")
        await connection.close()

        await server.stop(mode)
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(server.dsn)
        await server.start()

        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("SELECT n FROM kept") == 1
        await connection.close()


@pytest.mark.parametrize("mode", [0o700, 0o711])
async def test_it_never_runs_as_root_whoever_may_enter_its_folder(
    server_directory: Path, mode: int
) -> None:
    directory = server_directory / f"mode-{mode:o}"
    directory.mkdir()
    directory.chmod(mode)

    async with embedded_postgres(directory) as server:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("CREATE TABLE owner (name text)")
        # `id -u` as the server's own process sees it.
        await connection.execute("COPY owner FROM PROGRAM 'id -u'")
        user_id = await connection.fetchval("SELECT name FROM owner")
        await connection.close()

    assert user_id != "0"


async def test_a_wrong_setting_is_told_with_the_servers_own_words(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no_such_setting"):
        async with embedded_postgres(tmp_path, settings={"no_such_setting": "1"}):
            pytest.fail("started")


def test_a_wrong_override_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", "/nowhere")

    with pytest.raises(SettingsError) as refused:
        postgres_binaries()

    assert refused.value.where == "PG_BIN"
