import subprocess
import sys

import pytest
import typer

from proxy.cli.commands import COMMANDS, asked_for

OF_THE_VERIFIER = ("asyncpg", "sqlalchemy", "alembic", "deepdiff", "proxy.shadow", "adapters")


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh Python holds after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    loaded = COMMANDS[name].load()
    documented = loaded.info.help if isinstance(loaded, typer.Typer) else loaded.__doc__

    assert (documented or "").partition("\n")[0] == COMMANDS[name].summary


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["serve", "--no-verifier"], "serve"),
        (["--version"], None),
        ([], None),
        (["nope", "serve"], None),
    ],
)
def test_a_command_is_the_first_word(arguments: list[str], command: str | None) -> None:
    assert asked_for(arguments) == command


def test_the_relay_loads_nothing_of_the_verifier() -> None:
    loaded = loaded_by("from proxy.cli.commands import COMMANDS; COMMANDS['serve'].load()")

    assert "proxy.wire.relay" in loaded
    assert loaded.isdisjoint(OF_THE_VERIFIER)


LIGHT = {
    # What nothing but its own work asks for, by the command that is asked for most often without that work.
    "--help": {*OF_THE_VERIFIER, "proxy.settings", "pydantic", "pymongo", "rich", "structlog"},
    "flags": {*OF_THE_VERIFIER, "opentelemetry", "pymongo", "structlog"},
    "status": {*set(OF_THE_VERIFIER) - {"sqlalchemy"}, "pymongo", "structlog"},
    "verify": {"alembic", "mako", "motor", "grpc", "aiohttp"},
    "gateway": {"alembic", "deepdiff", "numpy", "motor", "grpc", "aiohttp"},
}


@pytest.mark.parametrize("first", LIGHT)
def test_a_command_loads_nothing_that_it_rarely_needs(first: str) -> None:
    loaded = loaded_by(f"from proxy.cli.entry import application; application([{first!r}])")

    assert "proxy.cli.entry" in loaded
    assert loaded.isdisjoint(LIGHT[first])


def test_a_start_looks_for_no_garbage_and_a_command_does() -> None:
    program = (
        "import gc; from proxy.cli.collection import *; postpone_garbage_collection();"
        "before = gc.isenabled(); resume_garbage_collection();"
        "print(before, gc.isenabled(), gc.get_freeze_count() > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "True", "True"]
