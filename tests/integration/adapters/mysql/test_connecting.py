"""Connections to a real MariaDB: who is let in, what sessions are set to, and what happens when the server goes."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import LargeBinary, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.connection import Tls
from adapters.mysql.adapter import MysqlSettings, check
from adapters.mysql.connecting import engine_of, peer
from comparators.errors import SettingsError, UnreachableError
from proxy.embedded.process import free_port
from tests.administering import administer_mysql
from tests.peers.mariadb_server import RunningMariadb

PASSWORD = "p@ss/wörd?&:"


@pytest.fixture
async def engine(mysql_url: str) -> AsyncIterator[AsyncEngine]:
    made = engine_of(mysql_url, connections=2)
    yield made
    await made.dispose()


async def test_a_server_tells_its_version(mariadb: RunningMariadb) -> None:
    health = await check(mariadb.url_of(""))

    assert "MariaDB" in health.version
    assert health.latency_s > 0


async def test_nobody_gets_in_without_the_password(mariadb: RunningMariadb) -> None:
    create = text("CREATE OR REPLACE USER ada IDENTIFIED BY :password")
    await administer_mysql(mariadb, create.bindparams(password=PASSWORD))
    settings = MysqlSettings.model_validate(
        {"port": mariadb.port, "user": "ada", "password": PASSWORD}
    )
    wrong = settings.model_copy(update={"password": type(settings.password)("hunter2")})

    assert (await check(settings.url())).version
    with pytest.raises(SettingsError, match="Access denied") as refused:
        await check(wrong.url())

    assert "hunter2" not in str(refused.value)
    assert refused.value.where == f"127.0.0.1:{mariadb.port}"


async def test_a_server_that_is_away_is_named() -> None:
    port = free_port()

    with pytest.raises(UnreachableError, match="does not answer") as error:
        await check(f"mysql://ada:hunter2@127.0.0.1:{port}/x")

    assert error.value.where == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "tls", "trusts", "succeeds"),
    [
        ("127.0.0.1", Tls.REQUIRED, False, True),
        ("localhost", Tls.VERIFIED, True, True),
        ("127.0.0.1", Tls.VERIFIED, True, False),
        ("localhost", Tls.VERIFIED, False, False),
    ],
)
async def test_an_encrypted_connection_is_as_choosy_as_it_was_asked_to_be(
    mariadb: RunningMariadb, host: str, tls: Tls, trusts: bool, succeeds: bool
) -> None:
    authority = mariadb.authority if trusts else None
    settings = MysqlSettings(host=host, port=mariadb.port, user="root", tls=tls, ca=authority)
    engine = engine_of(settings.url(), connections=1)
    cipher = text("SHOW STATUS LIKE 'Ssl_cipher'")

    try:
        if succeeds:
            async with engine.connect() as connection:
                assert (await connection.execute(cipher)).one()[1]
        else:
            with pytest.raises(SettingsError, match="certificate"):
                await check(settings.url())
    finally:
        await engine.dispose()


async def test_whatever_the_server_is_set_to_a_session_is_strict(engine: AsyncEngine) -> None:
    variables = "sql_mode", "tx_isolation", "character_set_client", "sql_notes"

    async with engine.connect() as connection:
        found = (await connection.execute(text(f"SELECT {_listed(variables)}"))).one()

    assert "STRICT_ALL_TABLES" in found[0]
    assert tuple(found[1:]) == ("REPEATABLE-READ", "utf8mb4", 0)


async def test_bytes_arrive_as_they_are(engine: AsyncEngine) -> None:
    large = bytes(range(256)) * 32768  # 8 MB
    value = bindparam("value", large, LargeBinary)

    async with engine.connect() as connection:
        found = (await connection.execute(select(value))).scalar_one()

    assert found == large


async def test_a_connection_that_the_server_dropped_costs_no_operation(
    engine: AsyncEngine, mariadb: RunningMariadb
) -> None:
    async with engine.connect() as connection:
        number = await _number_of(connection)
    await administer_mysql(mariadb, text("KILL :number").bindparams(number=number))

    async with engine.connect() as connection:
        assert await _number_of(connection) != number


@pytest.mark.parametrize(
    "options", ["sslmode=require", "ssl-mode=maybe", "ssl-ca=/nowhere", "connect-timeout=soon"]
)
def test_an_option_that_is_wrong_is_named(options: str) -> None:
    with pytest.raises(SettingsError, match=options.partition("=")[0]):
        engine_of(f"mysql://localhost/x?ssl-mode=REQUIRED&{options}", connections=1)


def test_a_peer_has_no_credentials() -> None:
    assert peer("mysql://ada:hunter2@db/x") == "db:3306"


async def _number_of(connection: AsyncConnection) -> int:
    number: int = (await connection.execute(select(func.connection_id()))).scalar_one()
    return number


def _listed(variables: tuple[str, ...]) -> str:
    return ", ".join(f"@@{name}" for name in variables)
