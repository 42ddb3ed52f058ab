"""`parallax schema`, in this process: it would spend most of the time starting."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind
from proxy.cli.entry import run
from tests.integration.adapters.postgresql.schema.shop import ask
from tests.integration.cli.command import Ran

MAP = """\
collection = "users"
table = "users"
[id]
type = "text"
[columns]
email = { path = "email", type = "text" }
age = { path = "age", type = "integer" }
"""
INDEX = "[[indexes]]\nkey = { age = 1 }\n"


async def test_a_collection_is_promoted_changed_and_demoted(
    postgres_dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def schema(*arguments: str) -> Ran:
        flags = ["--gateway", postgres_dsn, "--entities", str(tmp_path)]
        code = await asyncio.to_thread(run, ["schema", *arguments, *flags])
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)

    (tmp_path / "users.toml").write_text(MAP)
    async with PostgresGateway(postgres_dsn, connections=1) as gateway:
        documents = [{"_id": "a", "email": "a@example"}]
        await ask(gateway, "users", Kind.INSERT, documents=documents)
    told = await schema("check")
    promoted = await schema("promote", "shop.users")
    (tmp_path / "users.toml").write_text(MAP + INDEX)
    planned = await schema("plan")
    differs = await schema("check")
    applied = await schema("apply", "--database", "shop")
    agrees = await schema("check")
    (tmp_path / "users.toml").write_text(MAP.replace("email =", "mail ="))
    refused = await schema("apply")
    connection = await asyncpg.connect(postgres_dsn)
    mail = await connection.fetchval("SELECT email FROM shop.users")
    await connection.close()
    demoted = await schema("demote", "shop.users")

    assert (told.code, promoted.code) == (0, 0), told.printed + promoted.printed
    assert "`parallax schema promote shop.users` moves it" in told.out
    assert 'CREATE INDEX CONCURRENTLY "users~by_age"' in planned.out
    assert (planned.code, differs.code, applied.code, agrees.code) == (0, 1, 0, 0)
    assert "tables and maps agree" in agrees.out
    assert refused.code == 77
    assert "--allow-destructive" in refused.err
    assert mail == "a@example"
    assert demoted.code == 0


def test_what_is_no_collection_is_refused() -> None:
    assert run(["schema", "demote", "users", "--gateway", "postgresql://nowhere/"]) == 78
