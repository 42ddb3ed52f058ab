"""Connections to a real MariaDB: who is let in, what sessions are set to, and what happens when the server goes."""

import signal
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import LargeBinary, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.connection import Tls
from adapters.gateway import ConflictError
from adapters.mysql.adapter import MysqlSettings, check
from adapters.mysql.connecting import engine_of, peer
from adapters.mysql.failures import translated
from comparators.errors import CapacityError, SettingsError, UnreachableError
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

    with pytest.raises(UnreachableError, match="is away") as error:
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
            with pytest.raises(UnreachableError, match="certificate"), translated("there"):
                await check(settings.url())
    finally:
        await engine.dispose()


async def test_whatever_the_server_is_set_to_a_session_is_strict(engine: AsyncEngine) -> None:
    variables = "sql_mode", "tx_isolation", "character_set_client", "sql_notes"

    async with engine.connect() as connection:
        found = (await connection.execute(text(f"SELECT {_listed(variables)}"))).one()

    assert "STRICT_ALL_TABLES" in found[0]
    assert tuple(found[1:]) == ("READ-COMMITTED", "utf8mb4", 0)


async def test_bytes_arrive_as_they_are(engine: AsyncEngine) -> None:
    large = bytes(range(256)) * 65536  # 16 MB, as large as a document may be
    value = bindparam("value", large, LargeBinary)

    async with engine.connect() as connection:
        found = (await connection.execute(select(value))).scalar_one()

    assert found == large


async def test_more_than_the_server_takes_at_once_is_said_to_be_too_much(
    engine: AsyncEngine,
) -> None:
    value = bindparam("value", bytes(33 * 1024 * 1024), LargeBinary)

    with pytest.raises(CapacityError, match="packet") as error, translated("there"):
        async with engine.connect() as connection:
            await connection.execute(select(func.length(value)))

    assert "max_allowed_packet" in error.value.remedy


async def test_two_that_wait_for_each_other_are_a_conflict(engine: AsyncEngine) -> None:
    await _make_numbers(engine)

    async with engine.connect() as one, engine.connect() as other:
        await one.execute(_LOCK, {"k": 1})
        await other.execute(_LOCK, {"k": 2})
        await other.execute(text("SET SESSION innodb_lock_wait_timeout = 0"))
        with pytest.raises(ConflictError), translated("there"):
            await other.execute(_LOCK, {"k": 1})


async def test_a_connection_that_the_server_dropped_costs_no_operation(
    engine: AsyncEngine, mariadb: RunningMariadb
) -> None:
    async with engine.connect() as connection:
        number = await _number_of(connection)
    await administer_mysql(mariadb, text("KILL :number").bindparams(number=number))

    async with engine.connect() as connection:
        assert await _number_of(connection) != number


async def test_a_server_killed_amid_a_transaction_is_away_and_nothing_stays(
    engine: AsyncEngine, mariadb: RunningMariadb
) -> None:
    await _make_numbers(engine)

    async with engine.connect() as connection:
        await connection.execute(text("UPDATE numbers SET v = 7"))
        await mariadb.process.stop(signal.SIGKILL)
        with pytest.raises(UnreachableError, match="is away"), translated("there"):
            await connection.execute(text("UPDATE numbers SET v = 8"))
    await mariadb.start()

    async with engine.connect() as connection:
        assert list(await connection.scalars(text("SELECT v FROM numbers"))) == [0, 0]


@pytest.mark.parametrize(
    "options", ["sslmode=require", "ssl-mode=maybe", "ssl-ca=/nowhere", "connect-timeout=soon"]
)
def test_an_option_that_is_wrong_is_named(options: str) -> None:
    with pytest.raises(SettingsError, match=options.partition("=")[0]):
        engine_of(f"mysql://localhost/x?ssl-mode=REQUIRED&{options}", connections=1)


def test_a_peer_has_no_credentials() -> None:
    assert peer("mysql://ada:hunter2@db/x") == "db:3306"


_LOCK = text("SELECT v FROM numbers WHERE k = :k FOR UPDATE")


async def _make_numbers(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (k INT PRIMARY KEY, v INT NOT NULL)"))
        await connection.execute(text("INSERT INTO numbers VALUES (1, 0), (2, 0)"))


async def _number_of(connection: AsyncConnection) -> int:
    number: int = (await connection.execute(select(func.connection_id()))).scalar_one()
    return number


def _listed(variables: tuple[str, ...]) -> str:
    return ", ".join(f"@@{name}" for name in variables)
