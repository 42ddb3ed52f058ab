"""What a command does about settings that are wrong, wherever they came from."""

from pathlib import Path

import pytest

from tests.integration.cli.command import assert_three_lines, parallax

SECRET = "hunter2"
DATABASES = {
    "PARALLAX_LEGACY_URI": "mongodb://127.0.0.1:1/",
    "PARALLAX_GATEWAY_URI": "postgresql://127.0.0.1:1/",
}


async def test_a_flag_overrules_the_environment_and_that_the_file(tmp_path: Path) -> None:
    """Each layer names another rules file that is not there; the error tells which one won."""
    file = tmp_path / "parallax.toml"
    file.write_text('[rules]\nfile = "from-file.toml"\n')
    with_file = ("serve", "--config", str(file))
    variable = {**DATABASES, "PARALLAX_RULES_FILE": "from-environment.toml"}

    by_file = await parallax(*with_file, directory=tmp_path, environment=DATABASES)
    by_variable = await parallax(*with_file, directory=tmp_path, environment=variable)
    by_flag = await parallax(
        *with_file, "--rules", "from-flag.toml", directory=tmp_path, environment=variable
    )

    for ran, winner in (
        (by_file, "from-file.toml"),
        (by_variable, "from-environment.toml"),
        (by_flag, "from-flag.toml"),
    ):
        assert ran.code == 78
        assert_three_lines(ran, what="rules cannot be read", where=winner)


async def test_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    ran = await parallax("status", directory=tmp_path, environment={"PARALLAX_FOO": "1"})

    assert ran.code == 78
    assert_three_lines(ran, what="no setting belongs to", where="PARALLAX_FOO")


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("--gateway", f"http://user:{SECRET}@host/"), "--gateway"),
        (("--gateway", f"postgresql://user:{SECRET}@host/", "--listen", "nowhere"), "--listen"),
    ],
)
async def test_a_wrong_flag_is_named_without_a_password(
    arguments: tuple[str, ...], where: str, tmp_path: Path
) -> None:
    legacy = ("--legacy", f"mongodb://user:{SECRET}@host/")

    ran = await parallax("serve", *legacy, *arguments, directory=tmp_path)

    assert ran.code == 78
    assert SECRET not in ran.printed
    assert_three_lines(ran, what="must be", where=where)


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://user:{SECRET}@host:99999/",
        f"mongodb://user:{SECRET}@[::1/",
        f"mongodb://user:{SECRET}@%2Ftmp%2Fmongodb-27017.sock/",
        f"mongodb://user:{SECRET}@host/?tls=true&tlsCAFile=/nonexistent",
    ],
)
async def test_a_legacy_uri_that_cannot_be_used_is_not_repeated(uri: str, tmp_path: Path) -> None:
    gateway = ("--gateway", "postgresql://127.0.0.1:1/")

    ran = await parallax("serve", "--legacy", uri, *gateway, directory=tmp_path)

    assert ran.code == 78
    assert SECRET not in ran.printed
    assert_three_lines(ran, what="the legacy URI cannot be used", where="[legacy] uri")


@pytest.mark.parametrize("command", ["serve", "doctor"])
async def test_a_database_that_nobody_set_is_demanded(command: str, tmp_path: Path) -> None:
    ran = await parallax(command, directory=tmp_path)

    assert ran.code == 78
    assert_three_lines(ran, what="`legacy.uri` is not set", where="legacy.uri")
