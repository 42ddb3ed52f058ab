"""`parallax adapters` on real servers, and on none."""

from pathlib import Path

import pytest

from proxy.embedded.process import free_port
from tests.integration.cli.command import assert_three_lines, parallax


async def test_a_database_is_held_to_the_suite(postgres_dsn: str, tmp_path: Path) -> None:
    ran = await parallax("adapters", "check", postgres_dsn, "--conformance", directory=tmp_path)

    assert ran.code == 0, ran.printed
    assert ran.out.startswith("PostgreSQL 1")
    assert "documents are joined" in ran.out


@pytest.mark.parametrize("scheme", ["redis", "meilisearch", "postgresql", "mysql"])
async def test_a_server_that_is_away_is_named_without_its_password(
    scheme: str, tmp_path: Path
) -> None:
    port = free_port()
    url = f"{scheme}://ada:hunter2@127.0.0.1:{port}/0"

    ran = await parallax("adapters", "check", url, directory=tmp_path)

    assert ran.code == 69, ran.printed
    assert_three_lines(ran, what="", where=f"127.0.0.1:{port}")
    assert "hunter2" not in ran.printed
