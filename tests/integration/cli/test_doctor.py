"""What the doctor finds on real servers, healthy and not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from proxy.cli.checks.before import check_before
from proxy.cli.checks.finding import Checked, Health
from proxy.cli.checks.gateway import check_gateway
from proxy.cli.checks.legacy import check_legacy
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, embedded_mongo
from proxy.embedded.mongod import MongoUser
from proxy.embedded.process import free_port
from tests.integration.cli.command import parallax

# PyMongo leaves a socket unclosed when a client is closed while its monitor is connecting, as to a server that is away.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

ROOT = MongoUser(name="root", password="hunter2")
READER = "reader"


@pytest.fixture(scope="session")
async def locked(server_directory: Path) -> AsyncIterator[EmbeddedMongo]:
    """Run a MongoDB that asks for a login, with a user who may read one database."""
    async with embedded_mongo(server_directory / "locked", replica_set=None, user=ROOT) as servers:
        async with AsyncMongoClient[dict[str, Any]](
            servers.uri, serverMonitoringMode="poll"
        ) as client:
            roles = [{"role": "read", "db": "app"}]
            await client.admin.command("createUser", READER, pwd=READER, roles=roles)
            await client.app.users.insert_one({"_id": 1})
        yield servers


async def legacy(uri: str) -> dict[str, Checked]:
    return by_subject([found async for found in check_legacy(uri)])


async def gateway(uri: str, *, connections: int = 4) -> dict[str, Checked]:
    return by_subject([found async for found in check_gateway(uri, connections=connections)])


async def before(uri: str, dsn: str, database: str) -> dict[str, Checked]:
    """Return what is found of one database: other tests have some of theirs."""
    found = by_subject([found async for found in check_before(uri, dsn)])
    return {
        subject.removeprefix(f"{database}."): checked
        for subject, checked in found.items()
        if subject.startswith(f"{database}.") or database in checked.found
    }


def by_subject(findings: list[Checked]) -> dict[str, Checked]:
    found = {finding.subject: finding for finding in findings}
    assert len(found) == len(findings) > 0
    for finding in findings:
        assert bool(finding.remedy) is (finding.health is not Health.GOOD)
    return found


def health_of(found: dict[str, Checked]) -> set[Health]:
    return {finding.health for finding in found.values()}


def problem(found: dict[str, Checked]) -> str:
    """Return the one problem there is."""
    (bad,) = [finding for finding in found.values() if finding.health is Health.BAD]
    return f"{bad.subject}: {bad.found}"


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def pg_user(
    postgres: EmbeddedPostgres, dsn: str, name: str, *grants: str
) -> AsyncIterator[str]:
    """Give the address of a database for another user, who has only these privileges."""
    await execute(dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{name}'", *grants)
    database = urlsplit(dsn).path
    try:
        yield f"postgresql://{name}:{name}@{postgres.host}:{postgres.port}{database}"
    finally:
        await execute(dsn, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


async def test_a_healthy_pair_has_no_finding_to_act_on(
    mongo: EmbeddedMongo, postgres_dsn: str
) -> None:
    found = await legacy(mongo.uri) | await gateway(postgres_dsn)

    assert health_of(found) == {Health.GOOD}
    assert found["MongoDB topology"].found == "replica set rs0, members: 1"
    assert found["PostgreSQL privileges"].found == "may create schemas"


async def test_a_standalone_server_limits_what_can_be_verified(
    mongo_standalone: EmbeddedMongo,
) -> None:
    found = await legacy(mongo_standalone.uri)

    assert found["MongoDB topology"].health is Health.DOUBTFUL
    assert "no transactions" in found["MongoDB topology"].remedy
    assert Health.BAD not in health_of(found)


async def test_a_secondary_alone_is_a_problem(server_directory: Path) -> None:
    async with embedded_mongo(server_directory / "three", member_count=3) as servers:
        assert problem(await legacy(servers.members[1].uri)) == (
            "MongoDB topology: a member of rs0 that takes no writes"
        )
        assert health_of(await legacy(servers.uri)) == {Health.GOOD}

        for member in servers.members[:2]:
            await member.kill()

        assert problem(await legacy(servers.uri)) == "MongoDB topology: rs0 has no primary"


async def test_mongodb_that_is_not_there_is_a_problem() -> None:
    found = await legacy(f"mongodb://user:secret@127.0.0.1:{free_port()}/")

    assert "no answer within 3 s" in problem(found)
    assert "secret" not in str(found)


async def test_a_login_that_is_missing_or_wrong_is_told_from_an_absent_server(
    locked: EmbeddedMongo,
) -> None:
    without = locked.members[0].uri
    wrong = locked.uri.replace(ROOT.password, "wrong")

    assert problem(await legacy(without)) == "MongoDB privileges: a login is required (code 13)"
    assert problem(await legacy(wrong)) == "MongoDB privileges: the login is refused (code 18)"
    assert Health.BAD not in health_of(await legacy(locked.uri))


async def test_a_user_who_may_not_read_everything_is_a_doubt(locked: EmbeddedMongo) -> None:
    reader = locked.uri.replace(f"{ROOT.name}:{ROOT.password}", f"{READER}:{READER}")
    reader = (
        reader.replace("/?", "/?authSource=admin&")
        if "/?" in reader
        else f"{reader}?authSource=admin"
    )

    found = (await legacy(reader))["MongoDB privileges"]

    assert found.health is Health.DOUBTFUL
    assert found.found == "reader may not read every database"


async def test_documents_from_before_are_told_until_the_gateway_knows_them(
    tmp_path: Path, postgres_dsn: str
) -> None:
    """On a server of its own: only the first few collections are named."""
    async with embedded_mongo(tmp_path / "fresh") as mongo, _client(mongo) as client:
        await client.shop.users.insert_one({"_id": 1})
        await client.shop.create_collection("empty")

        unseen = await before(mongo.uri, postgres_dsn, "shop")
        await _teach(postgres_dsn)
        seen = await before(mongo.uri, postgres_dsn, "shop")

    assert unseen["documents from before"].health is Health.DOUBTFUL
    assert "shop.users" in unseen["documents from before"].found
    assert "empty" not in unseen["documents from before"].found
    assert seen == {}


def _client(mongo: EmbeddedMongo) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(mongo.uri, serverMonitoringMode="poll")


async def _teach(postgres_dsn: str) -> None:
    insert = Operation(
        database="shop",
        collection="users",
        kind=Kind.INSERT,
        arguments={"documents": [{"_id": 1}]},
    )
    async with PostgresGateway(postgres_dsn, connections=1) as gateway_path:
        await gateway_path.run(insert, generated=Generated(now_ms=0))


async def test_collections_that_cannot_be_compared_are_named(
    mongo: EmbeddedMongo, mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str
) -> None:
    await mongo_database.create_collection("log", capped=True, size=4096)
    await mongo_database.create_collection("readings", timeseries={"timeField": "at"})
    await mongo_database.command("create", "adults", viewOn="users", pipeline=[])

    found = await before(mongo.uri, postgres_dsn, mongo_database.name)

    assert {subject: checked.found for subject, checked in found.items()} == {
        "log": "a capped collection",
        "readings": "a timeseries collection",
        "adults": "a view",
    }


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("postgres:", "postgres:wrong-"), "it refuses the password"),
        (("/postgres", "/nonexistent"), "it has no such database"),
        (("127.0.0.1:", "127.0.0.1:1"), "no connection: "),
    ],
    ids=["password", "database", "port"],
)
async def test_a_refused_connection_says_what_is_wrong_with_it(
    postgres: EmbeddedPostgres, change: tuple[str, str], found: str
) -> None:
    scheme, address = postgres.dsn.split("://")
    dsn = f"{scheme}://{address.replace(*change, 1)}"
    if found == "no connection: ":
        dsn = f"postgresql://user:{postgres.password}@127.0.0.1:{free_port()}/postgres"

    checked = await gateway(dsn)

    assert problem(checked).startswith(f"PostgreSQL reachable: {found}")
    assert postgres.password not in str(checked)


async def test_a_user_who_may_not_create_schemas_is_a_problem(
    postgres: EmbeddedPostgres, postgres_dsn: str
) -> None:
    async with pg_user(postgres, postgres_dsn, "no_creator") as dsn:
        assert problem(await gateway(dsn)) == "PostgreSQL privileges: may not create schemas"


async def test_a_catalog_of_another_user_is_a_problem(
    postgres: EmbeddedPostgres, postgres_dsn: str
) -> None:
    database = urlsplit(postgres_dsn).path[1:]
    grant = f'GRANT CREATE ON DATABASE "{database}" TO newcomer'
    async with pg_user(postgres, postgres_dsn, "newcomer", grant) as dsn:
        assert Health.BAD not in health_of(await gateway(dsn))

        await execute(postgres_dsn, "CREATE SCHEMA parallax")

        assert "belongs to another user" in problem(await gateway(dsn))


async def test_a_database_in_another_encoding_is_a_problem(postgres: EmbeddedPostgres) -> None:
    options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    await execute(postgres.dsn, f"CREATE DATABASE ascii_only {options}")
    try:
        found = await gateway(postgres.dsn_of("ascii_only"))
    finally:
        await execute(postgres.dsn, "DROP DATABASE ascii_only WITH (FORCE)")

    assert problem(found) == "PostgreSQL encoding: SQL_ASCII"


async def test_a_server_that_takes_no_writes_is_a_problem(postgres_dsn: str) -> None:
    database = urlsplit(postgres_dsn).path[1:]
    await execute(
        postgres_dsn, f'ALTER DATABASE "{database}" SET default_transaction_read_only = on'
    )

    assert "takes no writes" in problem(await gateway(postgres_dsn))


async def test_too_few_connections_are_a_doubt(postgres_dsn: str) -> None:
    found = await gateway(postgres_dsn, connections=300)

    assert found["PostgreSQL connections"].health is Health.DOUBTFUL


async def test_the_command_ends_with_1_on_a_problem_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    nothing = free_port()

    ran = await parallax(
        "doctor",
        *("--legacy", f"mongodb://user:hunter2@127.0.0.1:{nothing}/"),
        *("--gateway", f"postgresql://user:hunter2@127.0.0.1:{nothing}/x"),
        *("--data", "taken", "--rules", "nowhere.toml", "--listen", "192.0.2.1:27018"),
        directory=tmp_path,
    )

    assert ran.code == 1
    assert ran.err == ""
    assert "5 problems, 0 warnings" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.out.count("→") == 5
    assert "hunter2" not in ran.printed


async def test_the_command_ends_with_0_on_a_healthy_pair(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    listen = ("--listen", f"127.0.0.1:{free_port()}")

    ran = await parallax(
        "doctor", "--legacy", mongo.uri, "--gateway", postgres_dsn, *listen, directory=tmp_path
    )

    assert ran.code == 0, ran.printed
    assert ran.err == ""
    assert "0 problems" in ran.out
    assert list(tmp_path.iterdir()) == [], "looking changes nothing"
